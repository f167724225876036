import type { FastifyInstance } from "fastify";
import { getStorage } from "svc-infra";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runDocumentedCode } from "../documented-code.js";

const page = "docs/guide/uploads.md";
const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
let app: FastifyInstance;

beforeEach(() => vi.stubEnv("STORAGE_BACKEND", "memory"));

afterEach(async () => {
  vi.unstubAllEnvs();
  await app.close();
});

async function listen(block: number): Promise<string> {
  app = (await runDocumentedCode(page, block)).app as FastifyInstance;
  return app.listen({ port: 0, host: "127.0.0.1" });
}

async function post(url: string, name: string, content: Uint8Array<ArrayBuffer>, type: string) {
  const form = new FormData();
  form.append("title", "Sommer");
  form.append("file", new File([content], name, { type }));
  const response = await fetch(url, { method: "POST", body: form });
  return { status: response.status, ...JSON.parse(await response.text()) };
}

it("the first example takes pictures, and nothing else", async () => {
  const origin = await listen(0);
  const taken = await post(`${origin}/photos`, "a.gif", gif, "image/gif");
  expect(taken).toMatchObject({ status: 200, title: "Sommer" });
  expect(Buffer.from(await (await fetch(taken.photos[0])).arrayBuffer())).toEqual(gif);
  const refused = await post(`${origin}/photos`, "a.pdf", Buffer.from("%PDF-1.7"), "application/pdf");
  expect(refused).toMatchObject({ status: 415, code: "unsupported_type" });
});

it("a file that @fastify/multipart cut at its limit is refused and not stored", async () => {
  const origin = await listen(1);
  const whole = await post(
    `${origin}/documents`,
    "a.bin",
    Buffer.alloc(1_000_000 - 1),
    "application/octet-stream",
  );
  expect(whole).toMatchObject({ status: 200, size: 999_999 });
  const cut = await post(`${origin}/documents`, "b.bin", Buffer.alloc(1_000_001), "application/octet-stream");
  expect(cut).toMatchObject({ status: 413, code: "too_large" });
  expect(await getStorage(app).listKeys()).toEqual(["documents/a.bin"]);
});
