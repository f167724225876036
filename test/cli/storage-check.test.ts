import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CommandLine } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

const basePath = join(cli.folder, "files");
const local = { STORAGE_BACKEND: "local", STORAGE_BASE_PATH: basePath };

describe("storage check", () => {
  it("finds that local keeps the contract, says so for each group, and ends with 0", async () => {
    const { code, stdout, stderr } = await cli.run(["storage", "check"], local);
    expect(stdout).toMatch(/^✓ write +(\d+) of \1$/m);
    expect(stdout).toMatch(/^✓ key +(\d+) of \1$/m);
    expect(stdout).toMatch(/^\d+ passed, 0 failed, \d+ skipped, in [\d.]+ s$/m);
    expect(stdout).toContain("✓ LocalBackend keeps the contract.");
    expect(stderr).toContain("STORAGE_BACKEND");
    expect(stderr).not.toContain("Warning");
    expect(stdout).not.toContain("\u001b");
    expect(code).toBe(0);
  });

  it("leaves nothing behind", () => {
    const entries = readdirSync(basePath, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(["secret"]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends it, and leaves nothing behind either", async (signal, code) => {
    const found = () =>
      (existsSync(basePath) ? readdirSync(basePath) : []).filter((name) =>
        name.startsWith("svc-infra-check-"),
      );
    const running = cli.start(["storage", "check"], local);
    await vi.waitUntil(() => found().length > 0, { timeout: 60_000, interval: 2 });
    const outcome = await running.stop(signal);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toContain("✗ The check was interrupted, and not every rule was run.");
    expect(outcome.stdout).not.toContain("keeps the contract");
    expect(found()).toEqual([]);
  });

  it("gives a report as JSON, and nothing else on its output", async () => {
    const { code, stdout } = await cli.run(["storage", "check", "--json"], { STORAGE_BACKEND: "memory" });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ backend: "MemoryBackend", type: "memory", failed: 0, isComplete: true });
    expect(report.cases).toHaveLength(report.passed + report.skipped);
    expect(report.folder).toMatch(/^svc-infra-check-[0-9a-f]{12}\/$/);
    expect(code).toBe(0);
  });

  it("names what is broken, and ends with 1", async () => {
    const { code, stdout, stderr } = await cli.run(["storage", "check"], {
      STORAGE_BACKEND: "memory",
      STORAGE_MEMORY_MAX_BYTES: "1000000",
    });
    expect(stdout).toMatch(/^✗ write +\d+ of \d+$/m);
    expect(stdout).toMatch(/^ {4}✗ 1048576 bytes come back as they were put\n {6}.*1000000 bytes/m);
    expect(stdout).toContain("✗ MemoryBackend does not keep the contract.");
    expect(stderr).toContain("✗ write: 1048576 bytes");
    expect(code).toBe(1);
  });

  it("ends with 1 also when the reader of its output has closed the pipe", async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_MEMORY_MAX_BYTES: "1000000" };
    const running = cli.start(["storage", "check"], env);
    running.closeOutput();
    const { code, stderr } = await running.outcome;
    expect(stderr).toContain("✗ write: 1048576 bytes");
    expect(code).toBe(1);
  });

  it("says why a backend that cannot be reached cannot be checked, and ends with 1", async () => {
    const file = join(cli.folder, "a-file");
    writeFileSync(file, "not a folder");
    const { code, stderr } = await cli.run(["storage", "check"], { ...local, STORAGE_BASE_PATH: file });
    expect(stderr).toMatch(/check on LocalBackend|LocalBackend|folder/);
    expect(code).toBe(1);
    expect(existsSync(file)).toBe(true);
  });
});
