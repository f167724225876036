import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll } from "vitest";
import { freePort } from "../../cli/command-line.js";
import { directSuite } from "./direct-suite.js";

const basePath = mkdtempSync(join(tmpdir(), "svc-infra-direct-"));
const port = await freePort();
const app = Fastify();
const baseUrl = `http://127.0.0.1:${port}/files`;
const { backend } = await addStorage(app, new LocalBackend({ basePath, baseUrl, durability: "fast" }));
await app.listen({ port, host: "127.0.0.1" });

directSuite("local", () => backend);

afterAll(async () => {
  await app.close();
  rmSync(basePath, { recursive: true, force: true });
});
