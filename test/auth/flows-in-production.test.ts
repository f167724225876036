import { describe, vi } from "vitest";
import { testFlows } from "./flows.js";

// The library reads it when it is imported.
vi.hoisted(() => {
  process.env.NODE_ENV = "production";
});

describe("with NODE_ENV=production", () => testFlows({ NODE_ENV: "production" }));
