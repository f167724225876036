import type { FastifyInstance } from "fastify";
import { getStorage } from "svc-infra";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runDocumentedCode } from "../documented-code.js";

let app: FastifyInstance;
let service: string;
const origin = "https://www.example.com";

beforeEach(async () => {
  vi.stubEnv("STORAGE_BACKEND", "memory");
  app = (await runDocumentedCode("docs/guide/origins.md", 0)).app as FastifyInstance;
  service = await app.listen({ port: 0, host: "127.0.0.1" });
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await app.close();
});

const album = async () => (await (await fetch(`${service}/album`)).json()) as { url: string; upload: string };

it("the documented app answers pages of its origins, and names no other", async () => {
  const { url } = await album();
  const own = await fetch(url, { headers: { origin } });
  expect(own.headers.get("content-type")).toBe("image/png");
  expect(own.headers.get("access-control-allow-origin")).toBe(origin);
  expect(own.headers.get("access-control-expose-headers")).toContain("ETag");
  expect(own.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
  const other = await fetch(url, { headers: { origin: "https://evil.example" } });
  expect(other.headers.get("access-control-allow-origin")).not.toBe("https://evil.example");
});

it("and lets them upload by a signed URL, after a preflight", async () => {
  const { upload } = await album();
  const asked = {
    origin,
    "access-control-request-method": "PUT",
    "access-control-request-headers": "content-type",
  };
  const preflight = await fetch(upload, { method: "OPTIONS", headers: asked });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT");
  const dot = Buffer.from(await getStorage(app).get("album/1.png"));
  const headers = { origin, "content-type": "image/png" };
  const put = await fetch(upload, { method: "PUT", headers, body: dot });
  expect([put.status, put.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
  expect(Buffer.from(await getStorage(app).get("album/2.png"))).toEqual(dot);
});

it("and shows public files in the same way", async () => {
  await getStorage(app).put("public/logo.txt", "logo");
  const answer = await fetch(`${service}/files/public/logo.txt`, { headers: { origin } });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
  expect(answer.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
});
