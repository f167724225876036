import { describe, vi } from "vitest";
import { testProviders } from "./provider-sign-ins.js";

// The library reads it when it is imported.
vi.hoisted(() => {
  process.env.NODE_ENV = "production";
});

describe("with NODE_ENV=production", () => testProviders({ NODE_ENV: "production" }));
