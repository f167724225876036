import { Writable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it } from "vitest";

type Line = { level: number; msg: string; operation?: string; key?: string; size?: number };

const levels = { debug: 20, info: 30, error: 50 };
const lines: Line[] = [];
const stream = new Writable({
  write: (text, _encoding, done) => {
    lines.push(JSON.parse(String(text)));
    done();
  },
});
let app: FastifyInstance;
afterEach(() => app.close());

/** A provider whose errors hold what must not be logged. */
function leaky(): Storage {
  const backend = new MemoryBackend();
  backend.stat = () =>
    Promise.reject(new Error("https://user:hush@host/a?X-Amz-Signature=hush&x=1 said no to Bearer hush"));
  backend.classify = () => ({ code: "unavailable", applied: false });
  return new Storage(backend);
}

async function logged(storage: Storage = new Storage(new MemoryBackend())): Promise<Storage> {
  lines.length = 0;
  app = Fastify({ logger: { stream, level: "debug" } });
  return addStorage(app, storage);
}

function linesOf(operation: string): Line[] {
  return lines.filter((line) => line.operation === operation);
}

describe("the log of a storage", () => {
  it("has uploads and deletions at info, with key and size", async () => {
    const storage = await logged();
    await storage.put("t/a.txt", "hello");
    await storage.delete("t/a.txt");
    await storage.delete("t/a.txt");
    expect(linesOf("put")).toMatchObject([
      { level: levels.info, key: "t/a.txt", size: 5, backend: "memory" },
    ]);
    expect(linesOf("delete")).toMatchObject([{ level: levels.info, key: "t/a.txt" }]);
  });

  it("has URLs and metadata at debug, and no signature", async () => {
    const storage = await logged();
    await storage.put("a.txt", "hello");
    const url = await storage.getUrl("a.txt");
    await storage.getMetadata("a.txt");
    expect(linesOf("getUrl")).toMatchObject([{ level: levels.debug, key: "a.txt" }]);
    expect(linesOf("getMetadata")).toMatchObject([{ level: levels.debug }]);
    const signature = new URL(url).searchParams.get("signature") ?? url.split("?")[1];
    expect(signature).toBeTruthy();
    expect(JSON.stringify(lines)).not.toContain(signature);
  });

  it("has what the service is at fault for at error, with code and cause but without secrets", async () => {
    const storage = await logged(leaky());
    await storage.getMetadata("a.txt").catch(() => undefined);
    expect(linesOf("getMetadata")).toMatchObject([
      { level: levels.error, code: "unavailable", cause: expect.stringContaining("said no") },
    ]);
    expect(JSON.stringify(lines)).not.toContain("hush");
  });

  it("has what a caller asks for in vain at debug", async () => {
    const storage = await logged();
    await storage.get("missing.txt").catch(() => undefined);
    expect(linesOf("get")).toMatchObject([{ level: levels.debug, code: "not_found" }]);
  });

  it("has each line once, also with two storages in one app", async () => {
    const storage = await logged();
    await addStorage(app, new MemoryBackend(), {
      decorator: "archive",
      managementPrefix: "/_archive",
      serveFiles: false,
    });
    await storage.put("a.txt", "hello");
    expect(linesOf("put")).toHaveLength(1);
  });

  it("has each line once, also with one storage added twice", async () => {
    const storage = await logged();
    await addStorage(app, storage, {
      decorator: "archive",
      managementPrefix: "/_archive",
      serveFiles: false,
    });
    await storage.put("a.txt", "hello");
    expect(linesOf("put")).toHaveLength(1);
  });

  it("has what is done through tenants, further layers and policies", async () => {
    const storage = await logged();
    await storage.forTenant("acme").put("a.txt", "hello");
    await storage.with().put("b.txt", "hello");
    await storage.withPolicy({ maxBytes: 10 }).put("c.txt", "hello");
    await storage.createUpload("d.bin").then((upload) => upload.writePart(0, "hello").catch(() => undefined));
    expect(linesOf("put")).toHaveLength(3);
    expect(linesOf("multipart")).toMatchObject([{ level: levels.debug, code: "invalid_argument" }]);
  });

  it("has nothing of storages of other apps", async () => {
    await logged();
    await new Storage(new MemoryBackend()).put("a.txt", "hello");
    expect(linesOf("put")).toEqual([]);
  });

  it("ends with the app", async () => {
    const storage = await logged();
    await app.close();
    lines.length = 0;
    await storage.put("a.txt", "hello").catch(() => undefined);
    expect(lines).toEqual([]);
  });
});
