import { gzipSync } from "node:zlib";
import Fastify from "fastify";
import { addStorage, getStorage, storagePlugin } from "svc-infra";
import { Storage, signing, UrlSigner } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it, vi } from "vitest";
import { call, pathOf, startService } from "./service.js";

const secrets = ["s".repeat(32)];
afterEach(() => vi.unstubAllEnvs());

describe("a URL that put answers", () => {
  it("works as it is, with nothing set: it follows the port, the path and every prefix", async () => {
    const app = Fastify();
    await app.register(
      async (v1) => {
        const storage = await addStorage(v1, new MemoryBackend());
        v1.get("/put", async () => (await storage.put("a.txt", "hello")).url);
      },
      { prefix: "/v1" },
    );
    await app.register(storagePlugin, {
      storage: new MemoryBackend({ secrets }),
      decorator: "archive",
      serveFiles: { prefix: "/archive" },
      prefix: "/v2",
    });
    const origin = await app.listen({ port: 0, host: "127.0.0.1" });
    const port = new URL(origin).port;
    const first = (await app.inject("/v1/put")).body;
    const second = String((await getStorage(app, "archive").put("b.txt", "hello")).url);
    expect(first).toContain(`http://localhost:${port}/v1/files/a.txt?`);
    expect(second).toContain(`http://localhost:${port}/v2/archive/b.txt?`);
    for (const url of [first, second]) expect(await (await fetch(url)).text()).toBe("hello");
    // Another storage, another place: neither honours the other's URL.
    const moved = second.replace("/v2/archive/", "/v1/files/");
    expect((await fetch(moved)).status).toBe(403);
    await app.close();
  });

  it("has the address that the app listens on, where localhost does not reach it", async () => {
    const app = Fastify();
    const storage = await addStorage(app, new MemoryBackend());
    const origin = await app.listen({ port: 0, host: "127.0.0.2" });
    const url = String((await storage.put("a.txt", "hello")).url);
    expect(url).toContain(`${origin}/files/a.txt?`);
    expect(await (await fetch(url)).text()).toBe("hello");
    await app.close();
  });

  it("is none where nothing serves it, and getUrl says what to set", async () => {
    const app = Fastify();
    const storage = await addStorage(app, new MemoryBackend(), { serveFiles: false });
    expect((await storage.put("a.txt", "x")).url).toBeUndefined();
    await expect(storage.getUrl("a.txt")).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/serveFiles.*STORAGE_BASE_URL/),
    });
    await app.close();
  });

  it("stays where STORAGE_BASE_URL names another service that serves it", async () => {
    const app = Fastify();
    const backend = new MemoryBackend({ baseUrl: "https://files.example.com/files", secrets });
    const storage = await addStorage(app, backend, { serveFiles: false });
    expect((await storage.put("a.txt", "x")).url).toMatch(/^https:\/\/files\.example\.com\/files\/a\.txt\?/);
    await app.close();
  });
});

describe("serveFiles: auto", () => {
  it("mounts no file route where the provider serves its own URLs", async () => {
    const makeProvider = () =>
      Object.defineProperty(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }), "signer", {
        value: async () => undefined,
      });
    const app = Fastify();
    await addStorage(app, makeProvider());
    expect(app.hasRoute({ method: "GET", url: "/files/*" })).toBe(false);
    await app.close();
    const always = Fastify();
    await addStorage(always, makeProvider(), { serveFiles: true });
    expect(always.hasRoute({ method: "GET", url: "/files/*" })).toBe(true);
    await always.close();
  });

  it("mounts it for a signer that is given", async () => {
    const app = Fastify();
    const signer = new UrlSigner({ baseUrl: "https://files.example.com/files", secrets });
    await addStorage(app, new Storage(new MemoryBackend()).with(signing(signer)));
    expect(app.hasRoute({ method: "GET", url: "/files/*" })).toBe(true);
    await app.close();
  });
});

describe("a wrong call is one sentence that says what to write instead", () => {
  it("for a base URL whose path is not the mounted one", async () => {
    const backend = new MemoryBackend({ baseUrl: "https://files.example.com/files", secrets });
    const options = { serveFiles: { prefix: "/media" } };
    await expect(addStorage(Fastify(), backend, options)).rejects.toMatchObject({
      variables: ["STORAGE_BASE_URL"],
      message: expect.stringMatching(/'\/files'.*'\/media'.*baseUrl/),
    });
  });

  it("for a second storage where STORAGE_BASE_URL names the first, and its baseUrl is the way out", async () => {
    vi.stubEnv("STORAGE_BASE_URL", "https://files.example.com/files");
    const app = Fastify();
    await addStorage(app, new MemoryBackend());
    const options = { decorator: "archive", serveFiles: { prefix: "/archive" } };
    await expect(addStorage(app, new MemoryBackend(), options)).rejects.toThrow(/'\/archive'.*baseUrl/);
    const backend = new MemoryBackend({ baseUrl: "https://files.example.com/archive" });
    const archive = await addStorage(app, backend, options);
    expect((await archive.put("a", "b")).url).toContain("https://files.example.com/archive/a?");
    await app.close();
  });

  it("for a base URL that only this machine can open, in production", async () => {
    vi.stubEnv("APP_ENV", "prod");
    await expect(addStorage(Fastify(), new MemoryBackend({ secrets }))).rejects.toMatchObject({
      variables: ["STORAGE_BASE_URL"],
    });
    const storage = await addStorage(Fastify(), new MemoryBackend({ secrets }), { serveFiles: false });
    expect(storage.capabilities.signGet).toBe(false);
  });

  it("for adding twice, and for a second storage without paths of its own", async () => {
    const app = Fastify();
    await addStorage(app, new MemoryBackend(), { authorize: "open" });
    await expect(addStorage(app, new MemoryBackend())).rejects.toThrow(
      /app\.storage is there already.*decorator.*baseUrl/,
    );
    await expect(addStorage(app, new MemoryBackend(), { decorator: "archive" })).rejects.toThrow(
      /the path \/files is taken.*serveFiles/,
    );
    const served = { decorator: "archive", serveFiles: { prefix: "/archive" }, authorize: "open" } as const;
    await expect(addStorage(app, new MemoryBackend(), served)).rejects.toThrow(/managementPrefix/);
    await addStorage(app, new MemoryBackend(), { ...served, managementPrefix: "/_archive" });
    await app.close();
  });

  it("for a second storage in a scope that has the first, and not for one in another scope", async () => {
    const second = { decorator: "archive" };
    for (const isScopeFirst of [true, false]) {
      const app = Fastify();
      const inScope = () =>
        app.register(
          async (v1) => {
            await addStorage(v1, new MemoryBackend(), { decorator: "first", authorize: "open" });
            await expect(addStorage(v1, new MemoryBackend(), second)).rejects.toThrow(
              /the path \/v1\/files is taken.*serveFiles/,
            );
            const served = { ...second, serveFiles: { prefix: "/archive" }, authorize: "open" } as const;
            await expect(addStorage(v1, new MemoryBackend(), served)).rejects.toThrow(
              /the path \/v1\/_storage is taken.*managementPrefix/,
            );
          },
          { prefix: "/v1" },
        );
      if (isScopeFirst) await inScope();
      await addStorage(app, new MemoryBackend(), { authorize: "open" });
      if (!isScopeFirst) await inScope();
      await app.close();
    }
  });

  it("for the name of a backend, and for options of a backend", async () => {
    const wrong = addStorage as (app: unknown, source: unknown) => Promise<Storage>;
    await expect(wrong(Fastify(), "s3")).rejects.toThrow(/not "s3".*easyStorage/);
    for (const options of [{ bucket: "b" }, { credentials: {} }, { forcePathStyle: true }]) {
      await expect(wrong(Fastify(), options)).rejects.toThrow(/no option '.*easyStorage/);
    }
  });
});

it("maxUploadBytes bounds put through the app as it bounds HTTP", async () => {
  const app = Fastify();
  const storage = await addStorage(app, new MemoryBackend(), { maxUploadBytes: 3 });
  await expect(storage.put("a", "four")).rejects.toMatchObject({ code: "too_large" });
  await app.close();
});

it("the file route tells what put was told of the content", async () => {
  const service = await startService();
  const { url } = await service.storage.put("a.txt", gzipSync("hallo"), {
    contentType: "text/plain",
    contentEncoding: "gzip",
    cacheControl: "private, max-age=60",
    contentLanguage: "de",
    contentDisposition: "attachment",
  });
  const path = pathOf(String(url));
  const answer = await call(service.port, { path });
  expect(answer.headers).toMatchObject({
    "cache-control": "private, max-age=60",
    "content-language": "de",
    "content-encoding": "gzip",
    "content-disposition": 'attachment; filename="a.txt"',
  });
  const etag = String(answer.headers.etag);
  const unchanged = await call(service.port, { path, headers: { "if-none-match": etag } });
  expect([unchanged.status, unchanged.headers["cache-control"]]).toEqual([304, "private, max-age=60"]);
  await service.close();
});

it("DELETE with If-Match never deletes a version that came after it was looked at", async () => {
  const inner = new MemoryBackend();
  const service = await startService({
    backend: new Proxy(inner, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "remove") return value.bind(target);
        return async (...given: Parameters<MemoryBackend["remove"]>) => {
          await service.storage.put("k", "newer");
          return target.remove(...given);
        };
      },
    }),
  });
  const { etag } = await service.storage.put("k", "old");
  const headers = { "if-match": `"${etag}"` };
  const answer = await call(service.port, { method: "DELETE", path: "/_storage/files/k", headers });
  expect(answer.status).toBe(412);
  expect(Buffer.from(await service.storage.get("k")).toString()).toBe("newer");
  await service.close();
});
