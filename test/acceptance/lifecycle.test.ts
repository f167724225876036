import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage, getStorage, loggedRequest, storagePlugin } from "svc-infra";
import { healthPlugin } from "svc-infra/health";
import { Storage, type StorageBackend } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, test } from "vitest";
import { call, pathOf, sendRaw, startService, statusOf } from "./service.js";

const apps: FastifyInstance[] = [];
const makeApp = (options = {}) => {
  const app = Fastify(options);
  apps.push(app);
  return app;
};
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("adding", () => {
  test("a backend, a storage, a promise of one, and the plugin do the same", async () => {
    const backend = () => new MemoryBackend();
    const added: ((app: FastifyInstance) => unknown)[] = [
      (app) => addStorage(app, backend()),
      (app) => addStorage(app, new Storage(backend())),
      (app) => addStorage(app, Promise.resolve(new Storage(backend()))),
      (app) => app.register(storagePlugin, { storage: backend() }),
    ];
    for (const add of added) {
      const app = makeApp();
      await add(app);
      app.get("/mine", async (request) => getStorage(request).listKeys());
      expect(app.storage).toBeInstanceOf(Storage);
      expect(getStorage(app)).toBe(app.storage);
      await app.storage.put("a", "1");
      expect((await app.inject("/mine")).json()).toEqual(["a"]);
    }
  });

  test("getStorage says what is missing", () => {
    expect(() => getStorage(makeApp())).toThrow(/await addStorage\(app\)/);
  });

  test("two storages live side by side under two names", async () => {
    const app = makeApp();
    await addStorage(app, new MemoryBackend());
    const second = await addStorage(app, new MemoryBackend(), {
      decorator: "archive",
      managementPrefix: "/_archive",
      authorize: "open",
      serveFiles: { prefix: "/archive" },
    });
    expect(getStorage(app, "archive")).toBe(second);
    expect((await app.inject("/_archive/list")).statusCode).toBe(200);
    expect((await app.inject("/_storage/list")).statusCode).toBe(404);
    expect((await app.inject("/_health/archive")).statusCode).toBe(200);
  });

  test("everything stands below a version prefix, and works there", async () => {
    const app = makeApp();
    const backend = new MemoryBackend({ baseUrl: "http://127.0.0.1:1/v1/files" });
    await app.register(
      async (v1) => {
        await addStorage(v1, backend, { authorize: "open", serveFiles: true });
        v1.get("/mine", async (request) => getStorage(request).listKeys());
      },
      { prefix: "/v1" },
    );
    const port = await listen(app);
    const put = await call(port, { method: "PUT", path: "/v1/_storage/files/a/b.txt", body: "b" });
    expect(put.json()).toMatchObject({ key: "a/b.txt" });
    expect((await call(port, { path: pathOf(String(put.json().url)) })).text).toBe("b");
    expect((await call(port, { path: "/v1/_storage/download/a/b.txt" })).text).toBe("b");
    expect((await call(port, { path: "/v1/mine" })).text).toBe('["a/b.txt"]');
    expect((await call(port, { path: "/v1/_health/storage" })).status).toBe(200);
    expect((await call(port, { path: "/_storage/list" })).status).toBe(404);
    expect((await call(port, { path: "/_health/storage" })).status).toBe(404);
    expect((await call(port, { path: "/v1/_storage/download/..%2fx" })).status).toBe(400);
    expect((await call(port, { path: "/v1/_storage/nothing" })).headers["content-type"]).toBe(
      "application/problem+json",
    );
  });

  test("the plugin's prefix puts every route below it and leaves the decorator on the app", async () => {
    const app = makeApp();
    const storage = new MemoryBackend({ baseUrl: "http://127.0.0.1:1/v0/files" });
    await app.register(storagePlugin, { prefix: "/v0", storage, authorize: "open", serveFiles: true });
    const { url } = await app.storage.put("a", "1");
    const statuses = async (...paths: readonly string[]) =>
      Promise.all(paths.map(async (path) => (await app.inject(path)).statusCode));
    expect(
      await statuses("/v0/_storage/list", pathOf(String(url)), "/v0/_health/storage", "/readyz"),
    ).toEqual([200, 200, 200, 200]);
    expect(await statuses("/v0/list", "/_storage/list", "/_health/storage", "/files/a")).toEqual([
      404, 404, 404, 404,
    ]);
    const wrong = makeApp().register(storagePlugin, { prefix: "v0/", storage: new MemoryBackend() });
    await expect(wrong).rejects.toThrow(/prefix/);
  });

  test("managementPrefix moves the management routes and nothing else", async () => {
    const app = makeApp();
    const options = { managementPrefix: "/admin/files", authorize: "open", serveFiles: true } as const;
    await app.register(storagePlugin, { prefix: "/v0", storage: new MemoryBackend(), ...options });
    expect((await app.inject("/v0/admin/files/list")).statusCode).toBe(200);
    expect((await app.inject("/v0/files/a")).statusCode).toBe(403);
  });

  test("a request in absolute form is taken", async () => {
    const service = await startService();
    await service.storage.put("a", "1");
    const text = await sendRaw(
      service.port,
      "GET http://example.com/_storage/download/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    expect(statusOf(text)).toBe(200);
    await service.close();
  });

  test.each([
    [{ managementPrefix: "storage" }, /managementPrefix/],
    [{ managementPrefix: "/a/" }, /managementPrefix/],
    [{ serveFiles: { prefix: "/:x" } }, /serveFiles/],
    [{ maxUploadBytes: 0 }, /maxUploadBytes/],
    [{ maxUploadBytes: 1.5 }, /maxUploadBytes/],
    [{ authorize: "opne" as never }, /authorize/],
  ])("wrong options %j are named", async (options, message) => {
    await expect(addStorage(makeApp(), new MemoryBackend(), options)).rejects.toThrow(message);
  });

  test("a backend that cannot be used stops the start and is named", async () => {
    const backend = new LocalBackend({ basePath: "/dev/null/x", secrets: ["x".repeat(32)] });
    const failing = addStorage(makeApp(), backend);
    await expect(failing).rejects.toThrow(/LocalBackend cannot be used/);
    const app = makeApp();
    app.register(storagePlugin, { storage: new LocalBackend({ basePath: "/dev/null/x" }) });
    await expect(app.ready()).rejects.toThrow(/LocalBackend cannot be used/);
  });

  test("a backend that never answers stops the start in time", async () => {
    const backend: StorageBackend = new Proxy<StorageBackend>(new MemoryBackend(), {
      get: (target, name) =>
        name === "list" ? () => new Promise(() => undefined) : Reflect.get(target, name, target),
    });
    await expect(addStorage(makeApp(), backend, { startTimeoutMs: 50 })).rejects.toMatchObject({
      code: "timeout",
    });
  });
});

describe("the app around", () => {
  test("keeps its parsers, its error handler, its not-found handler and its plugins' routes", async () => {
    const app = makeApp();
    app.setErrorHandler((error, _request, reply) => reply.code(418).send({ mine: String(error) }));
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ mine: "nothing" }));
    app.addContentTypeParser("multipart/form-data", (_request, payload, done) => {
      payload.resume();
      payload.on("end", () => done(null, "mine"));
    });
    await addStorage(app, new MemoryBackend(), { authorize: "open", serveFiles: true });
    app.post("/form", async (request) => ({ body: request.body }));
    app.post("/json", async (request) => ({ body: request.body }));
    app.get("/fail", async () => {
      throw new Error("x");
    });
    const port = await listen(app);
    const form = { "content-type": "multipart/form-data; boundary=b" };
    expect((await call(port, { method: "POST", path: "/form", headers: form, body: "x" })).json()).toEqual({
      body: "mine",
    });
    const json = { "content-type": "application/json" };
    expect((await call(port, { method: "POST", path: "/json", headers: json, body: "[1]" })).json()).toEqual({
      body: [1],
    });
    expect((await call(port, { path: "/fail" })).status).toBe(418);
    expect((await call(port, { path: "/none" })).json()).toEqual({ mine: "nothing" });
    const body = `--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n`;
    expect((await call(port, { method: "POST", path: "/_storage/upload", headers: form, body })).status).toBe(
      200,
    );
  });

  test("its headers stay on files", async () => {
    const app = makeApp();
    app.addHook("onRequest", async (_request, reply) => void reply.header("x-mine", "1"));
    await addStorage(app, new MemoryBackend(), { authorize: "open" });
    await app.storage.put("small", "x");
    await app.storage.put("big", new Uint8Array(100_000));
    for (const key of ["small", "big", "none"]) {
      expect((await app.inject(`/_storage/download/${key}`)).headers["x-mine"]).toBe("1");
    }
  });

  test("app.inject reaches every route without a socket", async () => {
    const app = makeApp();
    await addStorage(app, new MemoryBackend(), { authorize: "open", serveFiles: true });
    const payload = Buffer.alloc(200_000, "x");
    const put = await app.inject({ method: "PUT", url: "/_storage/files/big", payload });
    expect([put.statusCode, put.json().size]).toEqual([200, 200_000]);
    const form = `--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n`;
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const upload = await app.inject({ method: "POST", url: "/_storage/upload", headers, payload: form });
    expect([upload.statusCode, upload.json().key]).toEqual([200, "f"]);
    const got = await app.inject("/_storage/download/big");
    expect(got.rawPayload.equals(payload)).toBe(true);
    expect((await app.inject(pathOf(put.json().url))).statusCode).toBe(200);
    const refused = await app.inject({ method: "PUT", url: "/_storage/files/a..b", payload });
    expect([refused.statusCode, refused.json().code]).toEqual([400, "invalid_key"]);
  });

  test.each([
    ["DELETE", "/_storage/upload", "POST"],
    ["GET", "/_storage/files/a", "PUT, DELETE"],
    ["POST", "/_storage/download/a", "GET, HEAD"],
    ["PUT", "/_storage/list", "GET, HEAD"],
    ["GET", "/_storage/sign", "POST"],
    ["PATCH", "/files/a", "GET, HEAD, PUT"],
  ])("%s %s is 405 and names what is allowed", async (method, path, allow) => {
    const service = await startService();
    const answer = await call(service.port, { method, path });
    expect([answer.status, answer.headers.allow, answer.json().code]).toEqual([
      405,
      allow,
      "method_not_allowed",
    ]);
    await service.close();
  });

  test.each([
    "/_storage/list?limit=0",
    "/_storage/list?limit=1001",
    "/_storage/list?limit=x",
    "/_storage/list?limit=1e2",
    "/_storage/list?limit=-1",
    "/_storage/list?limit=1&limit=2",
    "/_storage/list?prefix=a&prefix=b",
    "/_storage/list?cursor=nonsense",
  ])("%s is 400", async (path) => {
    const service = await startService();
    expect((await call(service.port, { path })).status).toBe(400);
    await service.close();
  });

  test("an unknown query parameter is ignored, and an empty one counts as absent", async () => {
    const service = await startService();
    expect((await call(service.port, { path: "/_storage/list?x=1&x=2&prefix=&limit=&cursor=" })).status).toBe(
      200,
    );
    await service.close();
  });

  test.each([
    "",
    "{",
    "[]",
    "null",
    '{"key":"a","x":1}',
    '{"key":"a","expiresIn":"60"}',
    '{"key":"a","expiresIn":0}',
    '{"key":"a","expiresIn":1.5}',
    '{"key":"a","expiresIn":604801}',
    '{"key":"a","download":"yes"}',
    '{"__proto__":{"key":"a"}}',
  ])("sign refuses %s", async (body) => {
    const service = await startService();
    const headers = { "content-type": "application/json" };
    const answer = await call(service.port, { method: "POST", path: "/_storage/sign", headers, body });
    expect([answer.status, answer.headers["content-type"]]).toEqual([400, "application/problem+json"]);
    await service.close();
  });
});

describe("health", () => {
  test("tells whether the storage can be reached, and joins readiness", async () => {
    let isDown = false;
    const inner = new MemoryBackend();
    const backend = new Proxy<StorageBackend>(inner, {
      get(target, name) {
        if (name === "list" && isDown) return () => Promise.reject(new Error("secret host is down"));
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const app = makeApp();
    await app.register(healthPlugin, { keepMs: 0 });
    await addStorage(app, backend);
    expect((await app.inject("/_health/storage")).json()).toMatchObject({
      status: "ok",
      backend: "MemoryBackend",
    });
    expect((await app.inject("/readyz")).statusCode).toBe(200);
    isDown = true;
    const down = await app.inject("/_health/storage");
    expect([down.statusCode, down.json().status]).toEqual([503, "failed"]);
    expect(down.body).not.toContain("secret");
    expect((await app.inject("/readyz")).statusCode).toBe(503);
    expect((await app.inject("/healthz")).statusCode).toBe(200);
  });
});

describe("the log", () => {
  test("of an app that prints whole URLs has no signature of the storage's routes", async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    const app = makeApp({ logger: { level: "trace", stream } });
    await addStorage(app, new MemoryBackend(), { authorize: "open", serveFiles: true });
    const url = pathOf(String((await app.storage.put("a", "1")).url));
    const signature = /signature=([^&]*)/.exec(url)?.[1] ?? "none";
    await app.inject(url);
    await app.inject({ method: "HEAD", url });
    await app.inject({ method: "PUT", url, payload: "x" });
    await app.inject({ method: "POST", url });
    await app.inject(url.replace("/a?", "/b?"));
    expect(lines.filter((line) => line.includes("/files/"))).not.toEqual([]);
    expect(lines.filter((line) => line.includes(signature))).toEqual([]);
  });

  test("tells of uploads and deletions, and never of signatures and tokens", async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    const app = makeApp({ logger: { level: "debug", stream, serializers: { req: loggedRequest } } });
    await addStorage(app, new MemoryBackend(), { authorize: "open", serveFiles: true });
    const port = await listen(app);
    const put = await call(port, {
      method: "PUT",
      path: "/_storage/files/a/b",
      headers: { authorization: "Bearer tok3n" },
      body: "12345",
    });
    const url = pathOf(String(put.json().url));
    const signature = /signature=([^&]*)/.exec(url)?.[1] ?? "none";
    await call(port, { path: url });
    await call(port, { path: url.replace("/a/b", "/a/c") });
    await call(port, { path: `/elsewhere${url}` });
    await call(port, { method: "DELETE", path: "/_storage/files/a/b" });
    const entries = lines.map((line) => JSON.parse(line));
    expect(entries).toContainEqual(
      expect.objectContaining({ msg: "file uploaded", key: "a/b", size: 5, level: 30 }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ msg: "file deleted", key: "a/b", size: 5, level: 30 }),
    );
    expect(entries).toContainEqual(expect.objectContaining({ code: "forbidden", status: 403 }));
    const own = lines.filter((line) => !line.includes("Route GET:/elsewhere"));
    expect(own.join("")).not.toContain(signature);
    expect(own.join("")).not.toContain("tok3n");
  });
});

describe("closing", () => {
  test("takes less than a second although a keep-alive client is connected, and closes the storage", async () => {
    const service = await startService();
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get({ agent, port: service.port, host: "127.0.0.1", path: "/_health/storage" });
    const [response] = await once(request, "response");
    response.resume();
    await once(response, "end");
    const started = Date.now();
    await service.close();
    expect(Date.now() - started).toBeLessThan(1000);
    await expect(service.storage.put("a", "b")).rejects.toThrow();
    agent.destroy();
  });

  test("lets a running download finish, and its connection does not hold the app up", async () => {
    const service = await startService({ maxUploadBytes: 100_000_000 });
    await service.storage.put("big", new Uint8Array(40_000_000));
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get({
      agent,
      port: service.port,
      host: "127.0.0.1",
      path: "/_storage/download/big",
    });
    const [response] = await once(request, "response");
    const closed = service.close();
    let size = 0;
    for await (const piece of response) size += piece.length;
    // Without help the server would wait for the client's next request, longer than this test may take.
    await closed;
    expect(size).toBe(40_000_000);
    agent.destroy();
  });

  test.each(["download", "upload"])("cuts a %s that stands still after the time of grace", async (what) => {
    const service = await startService({ closeGraceMs: 100, maxUploadBytes: 100_000_000 });
    await service.storage.put("big", new Uint8Array(40_000_000));
    const socket = net.connect(service.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      what === "download"
        ? "GET /_storage/download/big HTTP/1.1\r\nHost: localhost\r\n\r\n"
        : "PUT /_storage/files/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
    );
    socket.pause();
    await once(service.app.server, "request");
    // The client would stand still for ever.
    await service.close();
    socket.destroy();
  });
});
