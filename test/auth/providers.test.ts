import { describe } from "vitest";
import { testProviders } from "./provider-sign-ins.js";

describe("with NODE_ENV=test", () => testProviders({ NODE_ENV: "test" }));
