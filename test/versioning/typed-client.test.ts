import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { addStorage, easyServiceApp, version } from "svc-infra";
import type { ServiceApp } from "svc-infra/app";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

const user = z.object({ id: z.int(), name: z.string() });
const folder = mkdtempSync(join(tmpdir(), "typed-client-"));
let app: ServiceApp;
let url: string;

beforeAll(async () => {
  app = await easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent" } });
  await version(
    app,
    "v1",
    (v1) => v1.get("/users", { schema: { response: { 200: z.array(user) } } }, async () => []),
    {
      deprecated: true,
    },
  );
  await version(app, "v2", async (v2) => {
    await addStorage(v2, new MemoryBackend(), { authorize: "open", serveFiles: true });
    const params = z.object({ id: z.coerce.number().int() });
    v2.get("/people/:id", { schema: { params, response: { 200: user } } }, async ({ params: { id } }) => ({
      id,
      name: "Ann",
    }));
    v2.post("/people", { schema: { body: user, response: { 201: user } } }, async ({ body }, reply) =>
      reply.code(201).send(body),
    );
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

const strict = [
  "--strict",
  "--target",
  "es2022",
  "--module",
  "nodenext",
  "--skipLibCheck",
  "--outDir",
  "out",
];

/** What a program says, and nothing when it ends well. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(resolve("node_modules/.bin", program), args, { cwd: folder });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += String(text)));
  const code = await new Promise((done) => child.on("close", done));
  return code === 0 ? "" : said || "failed";
}

describe("the documents of versions side by side", () => {
  it.each(["/v1/docs/json", "/v2/docs/json", "/docs/json"])(
    "%s is OpenAPI 3.1 for a validator",
    async (path) => {
      const validator = new Validator();
      const document = (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;
      expect(await validator.validate(document)).toEqual({ valid: true });
      expect(validator.version).toBe("3.1");
      expect((await validator.validate({ ...document, info: {} })).valid).toBe(false);
    },
  );
});

it("a client that is made from a document compiles under strict and calls", async () => {
  expect(await run("openapi-typescript", `${url}/v2/docs/json`, "-o", "shop.d.ts")).toBe("");
  writeFileSync(
    join(folder, "client.ts"),
    `import createClient from "openapi-fetch";
import type { paths } from "./shop.js";
export async function call(baseUrl: string) {
  const shop = createClient<paths>({ baseUrl });
  const found = await shop.GET("/v2/people/{id}", { params: { path: { id: 7 } } });
  const made = await shop.POST("/v2/people", { body: { id: 8, name: "Bob" } });
  const names: (string | undefined)[] = [found.data?.name, made.data?.name];
  return names;
}`,
  );
  writeFileSync(
    join(folder, "wrong.ts"),
    `import createClient from "openapi-fetch";
import type { paths } from "./shop.js";
export const made = createClient<paths>({}).POST("/v2/people", { body: { id: "eight", name: "Bob" } });`,
  );
  expect(await run("tsc", ...strict, "client.ts")).toBe("");
  expect(await run("tsc", ...strict, "wrong.ts")).toContain(
    "Type 'string' is not assignable to type 'number'",
  );
  const { call } = await import(pathToFileURL(join(folder, "out/client.js")).href);
  expect(await call(url)).toEqual(["Ann", "Bob"]);
});
