import { getStorage } from "svc-infra";
import {
  type BackendCall,
  type Capabilities,
  type Key,
  LayerBackend,
  type Next,
  type OpenedObject,
  type ReadOptions,
  Storage,
  type StorageBackend,
  type StorageFiles,
} from "svc-infra/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { call, kinds, makeBackend, type Service, startService } from "../../acceptance/service.js";

const json = { "content-type": "application/json" };

describe.each(kinds)("direct uploads to %s", (kind) => {
  let backend: StorageBackend;
  let remove: () => Promise<void>;
  let service: Service;

  beforeEach(async () => {
    ({ backend, remove } = await makeBackend(kind));
    service = await startService({ backend, policy: { types: ["text/plain", "image/png"] } });
  });

  afterEach(async () => {
    await service.close();
    await remove();
  });

  const send = async (method: string, path: string, body?: unknown, headers = {}) => {
    const content = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    return call(service.port, { method, path, headers: { ...json, ...headers }, ...content });
  };

  const prepare = async (given: object, headers = {}) => {
    const answer = await send("POST", "/_storage/uploads", given, headers);
    return { status: answer.status, ...(answer.json() as { id: string; url: string; code: string }) };
  };

  const bring = (url: string, text: string, type = "text/plain") => {
    const { pathname, search } = new URL(url);
    const headers = { "content-type": type };
    return call(service.port, { method: "PUT", path: pathname + search, headers, body: Buffer.from(text) });
  };

  const staged = async () => (await backend.list({ ...everything, prefix: stagingRoot as never })).items;
  const everything = {
    delimiter: undefined,
    cursor: undefined,
    limit: 1000,
    details: false,
    signal: undefined,
  };

  const hello = {
    key: "a.txt",
    size: 5,
    contentType: "text/plain",
    filename: "grüße.txt",
    metadata: { a: "1" },
  };

  it("are seen only when they are complete, with the description that was announced", async () => {
    const { status, id, url } = await prepare(hello);
    expect(status).toBe(201);
    expect((await bring(url, "hello")).status).toBe(204);
    const storage = getStorage(service.app);
    expect(await storage.listKeys()).toEqual([]);
    expect(await storage.exists("a.txt")).toBe(false);
    const done = await send("POST", `/_storage/uploads/${id}/complete`);
    expect(done.json()).toMatchObject({ key: "a.txt", size: 5, contentType: "text/plain" });
    expect(await storage.getMetadata("a.txt")).toMatchObject({ filename: "grüße.txt", metadata: { a: "1" } });
    expect(Buffer.from(await storage.get("a.txt")).toString()).toBe("hello");
  });

  it("answer the same to a completion that is repeated, and take no more content", async () => {
    const { id, url } = await prepare(hello);
    await bring(url, "hello");
    const [first, again] = [
      await send("POST", `/_storage/uploads/${id}/complete`),
      await send("POST", `/_storage/uploads/${id}/complete`),
    ];
    expect([again.status, again.json().etag]).toEqual([200, first.json().etag]);
    expect((await bring(url, "HELLO")).status).toBe(404);
    expect((await staged()).map(({ key }) => key.split("/").at(-1))).toEqual(["lease"]);
  });

  it.each([
    ["of another type than it says", "<html", 415, "unsupported_type"],
    ["that is no text", "\0\0\0\0\0", 415, "unsupported_type"],
  ])("leave nothing of content %s", async (_what, text, status, code) => {
    const { id, url } = await prepare(hello);
    await bring(url, text);
    const answer = await send("POST", `/_storage/uploads/${id}/complete`);
    expect([answer.status, answer.json().code]).toEqual([status, code]);
    expect(await staged()).toEqual([]);
    expect((await send("POST", `/_storage/uploads/${id}/complete`)).status).toBe(404);
    expect((await bring(url, "hello")).status).toBe(404);
  });

  it("refuse at once what no content could make right", async () => {
    expect(await prepare({ ...hello, size: 2e9 })).toMatchObject({ status: 413, code: "too_large" });
    expect(await prepare({ ...hello, contentType: "text/html" })).toMatchObject({ status: 415 });
    expect(await prepare({ ...hello, key: ".svc-infra/staging/x" })).toMatchObject({ code: "invalid_key" });
    expect(await prepare({ ...hello, checksum: "md5:1" })).toMatchObject({ status: 400 });
    expect(await staged()).toEqual([]);
  });

  it("refuse another length and another type than were signed", async () => {
    const { url } = await prepare(hello);
    expect((await bring(url, "hell")).status).toBe(400);
    expect((await bring(url, "hello!")).status).toBe(413);
    expect((await bring(url, "hello", "text/html")).status).toBe(403);
  });

  it("say when nothing has come yet, and can be completed later", async () => {
    const { id, url } = await prepare(hello);
    expect((await send("POST", `/_storage/uploads/${id}/complete`)).status).toBe(404);
    await bring(url, "hello");
    expect((await send("POST", `/_storage/uploads/${id}/complete`)).status).toBe(200);
  });

  it("can be dropped, more than once", async () => {
    const { id, url } = await prepare(hello);
    await bring(url, "hello");
    expect((await send("DELETE", `/_storage/uploads/${id}`)).status).toBe(204);
    expect((await send("DELETE", `/_storage/uploads/${id}`)).status).toBe(204);
    expect(await staged()).toEqual([]);
  });

  it("compare a checksum that was announced", async () => {
    const checksum = `sha256:${"0".repeat(64)}`;
    const { id, url } = await prepare({ ...hello, checksum });
    await bring(url, "hello");
    const answer = await send("POST", `/_storage/uploads/${id}/complete`);
    expect([answer.status, answer.json().code]).toEqual([400, "checksum_mismatch"]);
    expect(await staged()).toEqual([]);
  });

  it("are of no use to another tenant, and no call names what is staged", async () => {
    const storage = new Storage(backend);
    const mine = storage.forTenant("mine");
    const { id, url } = await mine.prepareUpload("a.txt", { size: 5, contentType: "text/plain" });
    const [item] = await staged();
    const name = item?.key ?? "";
    expect(name).toBe(`${stagingRoot}mine/${id}/lease`);
    const views: readonly StorageFiles[] = [storage, storage.forTenant("other")];
    for (const view of views) {
      await expect(view.completeUpload(id)).rejects.toMatchObject({ code: "not_found" });
      await view.abortUpload(id);
      for (const use of ["get", "getMetadata", "getUrl", "delete", "open"] as const) {
        await expect(view[use](name)).rejects.toMatchObject({ code: "invalid_key" });
      }
      await expect(view.list({ prefix: stagingRoot })).rejects.toMatchObject({ code: "invalid_key" });
      await expect(view.copy(name, "b")).rejects.toMatchObject({ code: "invalid_key" });
      expect(await view.listKeys()).toEqual([]);
    }
    expect(url).toContain(name.replace(/lease$/, "content"));
    const { pathname, search } = new URL(url ?? "");
    expect((await call(service.port, { path: pathname + search })).status).toBe(400);
    expect(await staged()).toHaveLength(1);
  });

  it("keep their conditions", async () => {
    const storage = new Storage(backend);
    const upload = await storage.prepareUpload("a.txt", {
      size: 5,
      contentType: "text/plain",
      ifAbsent: true,
    });
    await bring(upload.url ?? "", "hello");
    await storage.put("a.txt", "first");
    await expect(storage.completeUpload(upload.id)).rejects.toMatchObject({ code: "precondition_failed" });
    expect(Buffer.from(await storage.get("a.txt")).toString()).toBe("first");
    expect(await staged()).toEqual([]);
  });

  it("take conditions by the headers that each other upload takes", async () => {
    const complete = async ({ id, url }: { id: string; url: string }) => {
      await bring(url, "hello");
      return (await send("POST", `/_storage/uploads/${id}/complete`)).status;
    };
    const first = { "if-none-match": "*" };
    const [one, other] = [await prepare(hello, first), await prepare(hello, first)];
    expect([await complete(one), await complete(other)]).toEqual([200, 412]);
    const { etag } = await getStorage(service.app).getMetadata("a.txt");
    const version = { "if-match": `"${etag}"` };
    const [next, late] = [await prepare(hello, version), await prepare(hello, version)];
    expect([await complete(next), await complete(late)]).toEqual([200, 412]);
    expect((await prepare(hello, { "if-none-match": '"a"' })).status).toBe(400);
    expect((await staged()).every(({ key }) => key.endsWith("lease"))).toBe(true);
  });

  it("are not read as a whole when they are complete, as the file route computed their checksum", async () => {
    let bytes = 0;
    class Counting extends LayerBackend<Capabilities> {
      protected override intercept<T>({ signal }: BackendCall, next: Next<T>): Promise<T> {
        return next(signal);
      }
      override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
        const opened = await super.read(key, options);
        const { stat, start, end, body } = opened;
        async function* counted() {
          for await (const piece of body) {
            if (key.endsWith("/content")) bytes += piece.length;
            yield piece;
          }
        }
        return { stat, start, end, bytes: undefined, body: counted(), close: () => opened.close() };
      }
    }
    const storage = new Storage(new Counting(backend));
    const size = 8_000_000;
    const upload = await storage.prepareUpload("large.txt", { size, contentType: "text/plain" });
    expect((await bring(upload.url ?? "", "a".repeat(size))).status).toBe(204);
    expect(await storage.completeUpload(upload.id)).toMatchObject({ size });
    expect(bytes).toBeLessThan(size / 2);
  });

  it("are over when their time is", async () => {
    const storage = new Storage(backend);
    const upload = await storage.prepareUpload("a.txt", { size: 5, contentType: "text/plain", expiresIn: 1 });
    await bring(upload.url ?? "", "hello");
    await expect
      .poll(() => storage.completeUpload("a".repeat(40)).catch(({ code }) => code))
      .toBe("not_found");
    await new Promise((resolve) => setTimeout(resolve, upload.expiresAt.getTime() + 1100 - Date.now()));
    await expect(storage.completeUpload(upload.id)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("pages of other origins", () => {
  it("may upload where CORS_ALLOW_ORIGINS names them", async () => {
    const service = await startService({ allowOrigins: ["https://app.example.com"] });
    const headers = {
      origin: "https://app.example.com",
      "access-control-request-method": "PUT",
      "access-control-request-headers": "content-type",
    };
    for (const path of ["/_storage/uploads", "/files/a"]) {
      const answer = await call(service.port, { method: "OPTIONS", path, headers });
      expect(answer.headers["access-control-allow-origin"], path).toBe("https://app.example.com");
      const other = { ...headers, origin: "https://evil.example.com" };
      const refused = await call(service.port, { method: "OPTIONS", path, headers: other });
      expect(refused.headers["access-control-allow-origin"]).not.toBe("https://evil.example.com");
    }
    await service.close();
  });
});
