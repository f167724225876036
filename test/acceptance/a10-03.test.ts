import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, freePort } from "../cli/command-line.js";
import { loadedPackages } from "./loaded-packages.js";

const { name, exports } = JSON.parse(readFileSync("package.json", "utf8"));
const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");

/** For each program the packages that it may load; what a package loads by itself is in it, too. */
const expected: Record<string, readonly string[]> = JSON.parse(
  readFileSync("test/acceptance/loaded-packages.json", "utf8"),
);

const cli = new CommandLine();
afterAll(() => cli.dispose());

describe("A10-03: every subpath imports, and loads only its own libraries", () => {
  it.concurrent.each(subpaths)("%s", async (subpath) => {
    const module = resolve(exports[subpath].default);
    expect(await loadedPackages(`await import(${JSON.stringify(module)})`)).toEqual(expected[subpath]);
  });

  it("the list has no subpath that is gone", () => {
    expect(Object.keys(expected).filter((each) => each.startsWith("."))).toEqual(subpaths.toSorted());
  });

  it("a service with nothing set loads no driver, SDK or queue", async () => {
    const index = JSON.stringify(resolve("dist/index.js"));
    const program = `const { easyServiceApp } = await import(${index});
      const app = await easyServiceApp({ name: "smoke", env: { LOG_LEVEL: "silent", ENABLE_OBS: "false" } });
      await app.ready(); await app.close();`;
    const loaded = await loadedPackages(program);
    const heavy =
      /^(?:pg|drizzle-orm|ioredis|bullmq|mongodb|nodemailer|better-auth|stripe|prom-client|@electric-sql|@aws-sdk|@google-cloud|@azure|@opentelemetry|cloudinary)/;
    expect(loaded).toContain("fastify");
    expect(loaded.filter((each) => heavy.test(each))).toEqual([]);
  });
});

it(`A10-03: GET /ping of \`${name} serve\` answers`, async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = cli.start(["serve"], { PORT: String(port) });
  await service.ready(url);
  const response = await fetch(`${url}/ping`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ service: name });
  for (const path of ["/docs", "/healthz", "/readyz", "/startupz", "/metrics"]) {
    expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
  }
});
