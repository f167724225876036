import { describe, expect, it } from "vitest";
import { testFlows } from "./flows.js";

it("runs as a test", () => expect(process.env.NODE_ENV).toBe("test"));

describe("with NODE_ENV=test", () => testFlows({ NODE_ENV: "test" }));
