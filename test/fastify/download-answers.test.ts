import { connect } from "node:net";
import type { OpenedObject } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, expect, it } from "vitest";
import { call, type Service, type ServiceOptions, startService } from "../acceptance/service.js";

let service: Service | undefined;
afterEach(() => service?.close());

async function start(options: ServiceOptions = {}): Promise<Service> {
  service = await startService(options);
  return service;
}

it("no shared cache may keep a download that was authorized, whatever the object says", async () => {
  const { port, storage } = await start();
  await storage.put("logo.txt", "logo", { cacheControl: "public, max-age=3600" });
  const path = "/_storage/download/logo.txt";
  const answer = await call(port, { path });
  expect(answer.headers["cache-control"]).toBe("private, no-cache");
  const headers = { "if-none-match": String(answer.headers.etag) };
  const same = await call(port, { path, headers });
  expect([same.status, same.headers["cache-control"]]).toEqual([304, "private, no-cache"]);
});

it("the problem of a read that fails has nothing of the encoding and language of the object", async () => {
  class FailingReads extends MemoryBackend {
    override async read(...given: Parameters<MemoryBackend["read"]>): Promise<OpenedObject> {
      const { stat, start, end } = await super.read(...given);
      return { stat, start, end, bytes: undefined, body: failing, close: async () => undefined };
    }
  }
  const { port, storage } = await start({ backend: new FailingReads() });
  await storage.put("a.txt", "packed", { contentEncoding: "gzip", contentLanguage: "de" });
  const answer = await call(port, { path: "/_storage/download/a.txt" });
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(answer.headers).not.toHaveProperty("content-encoding");
  expect(answer.headers).not.toHaveProperty("content-language");
  expect(answer.json()).toMatchObject({ status: answer.status });
});

it("HEAD with content that is not read tells the length that GET would have", async () => {
  const { port, storage } = await start();
  await storage.put("a.txt", "12345678");
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let text = "";
  socket.on("data", (piece: string) => {
    text += piece;
  });
  socket.write("HEAD /_storage/download/a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n");
  await expect.poll(() => text).toContain("\r\n\r\n");
  socket.destroy();
  expect(text.toLowerCase()).toContain("\r\ncontent-length: 8\r\n");
});

it("a tenant of the name of a public prefix is refused: all that it has would be public", async () => {
  const publicFiles = { prefixes: ["logos/", "acme/logos/"] };
  const authorize = ({ headers }: { headers: Record<string, unknown> }) => ({
    tenant: String(headers.tenant),
  });
  const { port, storage } = await start({ publicFiles, authorize });
  await storage.put("logos/brand.txt", "brand");
  const put = (tenant: string) =>
    call(port, { method: "PUT", path: "/_storage/files/brand.txt", headers: { tenant }, body: "other" });
  const refused = await put("logos");
  expect([refused.status, refused.json().detail]).toEqual([403, expect.stringContaining("public files")]);
  expect(String(await storage.get("logos/brand.txt"))).toBe("brand");
  expect((await put("acme")).status).toBe(200);
});

it("a parameter behind a second question mark is no parameter of the kit", async () => {
  const { port, storage } = await start();
  const headers = { "content-type": "text/plain" };
  const answer = await call(port, {
    method: "POST",
    path: "/_storage/upload??key=x.txt",
    headers,
    body: "x",
  });
  expect(answer.status).toBe(400);
  expect(await storage.listKeys()).toEqual([]);
});

const failing = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("the disk is away")) }),
};
