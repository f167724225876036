import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    // The default leaves one core idle, which is half of a small machine; many suites wait for servers.
    maxWorkers: Math.max(2, availableParallelism()),
    // These limits end what hangs. How long a test takes says how busy the machine is, so no test sets a shorter one.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
