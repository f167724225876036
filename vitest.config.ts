import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    // The default leaves one core idle, which is half of a small machine; many suites wait for servers.
    maxWorkers: Math.max(2, availableParallelism()),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for comes in its own time on a busy machine.
    expect: { poll: { timeout: 15_000 } },
  },
});
