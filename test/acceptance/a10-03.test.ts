import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, freePort } from "../cli/command-line.js";
import { loadedPackages } from "./loaded-packages.js";

const { name, exports } = JSON.parse(readFileSync("package.json", "utf8"));
const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");

/** For each program the packages that it may load; what a package loads by itself is in it, too. */
const listFile = "test/acceptance/loaded-packages.json";
const expected: Record<string, readonly string[]> = JSON.parse(readFileSync(listFile, "utf8"));

const cli = new CommandLine();
afterAll(() => cli.dispose());

/** After a change that is meant: `WRITE_LOADED_PACKAGES=1 npx vitest run test/acceptance/a10-03.test.ts`. */
it.runIf(process.env.WRITE_LOADED_PACKAGES === "1")("writes the list anew", async () => {
  const list = new Map<string, readonly string[]>();
  for (const subpath of subpaths.toSorted()) list.set(subpath, await packagesOf(subpath));
  writeFileSync(listFile, `${JSON.stringify(Object.fromEntries(list), null, 2)}\n`);
});

function packagesOf(subpath: string): Promise<readonly string[]> {
  return loadedPackages(`await import(${JSON.stringify(resolve(exports[subpath].default))})`);
}

describe("A10-03: every subpath imports, and loads only its own libraries", () => {
  it.concurrent.each(subpaths)("%s", async (subpath) => {
    expect(await packagesOf(subpath)).toEqual(expected[subpath]);
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
