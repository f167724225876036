import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkClock } from "#dist/cli/doctor/clock.js";
import { isInRange } from "#dist/cli/doctor/packages.js";
import { checkRuntime } from "#dist/cli/doctor/runtime.js";
import { CommandLine, freePort } from "./command-line.js";

let cli: CommandLine;
let port: number;
beforeEach(async () => {
  cli = new CommandLine();
  port = await freePort();
});
afterEach(() => cli.dispose());

interface Told {
  readonly area: string;
  readonly status: string;
  readonly message: string;
  readonly cure?: string;
}

async function examine(
  env: Record<string, string>,
): Promise<{ code: number | null; findings: readonly Told[] }> {
  const { code, stdout } = await cli.run(["doctor", "--json"], { PORT: String(port), ...env });
  return { code, findings: JSON.parse(stdout).findings };
}

it("finds no problem where nothing is set", async () => {
  const { code, findings } = await examine({});
  expect(code).toBe(0);
  expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
});

it("has a cure for everything that is not ok", async () => {
  const { findings } = await examine({ PORT: "eighty", STORAGE_BUCKET: "x" });
  const wrong = findings.filter(({ status }) => status !== "ok");
  expect(wrong.length).toBeGreaterThan(1);
  for (const { cure } of wrong) expect(cure).toBeTruthy();
});

it("finds a port that is taken", async () => {
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const { code, findings } = await examine({});
  squatter.close();
  expect(code).toBe(1);
  expect(findings).toContainEqual(
    expect.objectContaining({
      area: "port",
      status: "problem",
      message: expect.stringContaining("EADDRINUSE"),
    }),
  );
});

it("finds a database that is not there, without its password", async () => {
  const url = `postgresql://shop:hunter2@127.0.0.1:${port}/shop`;
  const { code, stdout } = await cli.run(["doctor"], { SQL_URL: url, PORT: "8123" });
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ connections .*SQL_URL/);
  expect(stdout).not.toContain("hunter2");
});

it("finds a folder that cannot be written", async () => {
  const { code, findings } = await examine({ STORAGE_BASE_PATH: "/proc/files" });
  expect(code).toBe(1);
  expect(findings).toContainEqual(expect.objectContaining({ area: "connections", status: "problem" }));
});

it("knows which Node is too old, and which gets no more fixes", () => {
  expect(checkRuntime("18.20.0")).toMatchObject([{ status: "problem" }]);
  expect(checkRuntime("20.19.0")).toMatchObject([{ status: "warning" }]);
  expect(checkRuntime("24.1.0")).toMatchObject([{ status: "ok" }]);
});

it("finds a clock that is wrong by more than a minute", async () => {
  for (const [skewMs, status] of [
    [0, "ok"],
    [-120_000, "problem"],
  ] as const) {
    const { createServer: serve } = await import("node:http");
    const server = serve((_request, response) => {
      response.setHeader("date", new Date(Date.now() + skewMs).toUTCString());
      response.end();
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
    expect(await checkClock(`http://127.0.0.1:${port}`)).toMatchObject([{ area: "clock", status }]);
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

describe("a range of versions", () => {
  it.each([
    ["5.11.1", "^5.4.0 || ^6.0.0", true],
    ["6.2.0", "^5.4.0 || ^6.0.0", true],
    ["5.3.9", "^5.4.0", false],
    ["7.0.0", "^5.4.0 || ^6.0.0", false],
    ["0.45.4", "^0.45.2", true],
    ["0.46.0", "^0.45.2", false],
  ])("%s is in %s: %s", (version, range, isIn) => {
    expect(isInRange(version, range)).toBe(isIn);
  });
});
