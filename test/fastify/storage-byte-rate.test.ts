import http from "node:http";
import { getStorage, receiveUpload } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import { type Call, call, type Service, startService } from "../acceptance/service.js";
import { startRedis } from "../rigs/redis.js";

let services: Service[] = [];

afterEach(async () => {
  await Promise.all(services.map((service) => service.close()));
  services = [];
});

type Options = NonNullable<Parameters<typeof startService>[0]>;

/** A service whose callers may upload 1,000 bytes, and no more than 600 at once. */
async function start(options: Options = {}): Promise<Service> {
  const service = await startService({
    maxUploadBytes: 600,
    rateLimit: { uploadBytes: 1000 },
    authorize: ({ headers }) => {
      const [tenant = "", user] = (headers.authorization ?? "").replace("Bearer ", "").split(".");
      return { tenant, user };
    },
    ...options,
  });
  services.push(service);
  return service;
}

const of = (caller: string) => ({ authorization: `Bearer ${caller}` });

function put(service: Service, key: string, bytes: number, headers: Call["headers"] = of("acme.a")) {
  const path = `/_storage/files/${key}`;
  return call(service.port, { method: "PUT", path, headers, body: Buffer.alloc(bytes) });
}

function prepare(service: Service, size: number, headers: Call["headers"] = of("acme.a")) {
  const body = JSON.stringify({ key: "direct", size, contentType: "text/plain" });
  const json = { ...headers, "content-type": "application/json" };
  return call(service.port, { method: "POST", path: "/_storage/uploads", headers: json, body });
}

const keysOf = ({ storage }: Service) => storage.listKeys();

/** Sends the head of a request and some of its content, and never ends it. */
function beginPut(service: Service, key: string, bytes: number, headers: Record<string, string> = {}) {
  const path = `/_storage/files/${key}`;
  const all = { ...of("acme.a"), ...headers };
  const options = { host: "127.0.0.1", port: service.port, method: "PUT", path, headers: all };
  const request = http.request({ ...options, agent: false });
  request.on("error", () => undefined);
  request.flushHeaders();
  if (bytes > 0) request.write(Buffer.alloc(bytes));
  const status = new Promise<number>((resolve) => {
    request.on("response", (response) => resolve(response.resume().statusCode ?? 0));
  });
  return { request, status };
}

/** Its first writes end together, so that none is counted before all of them have begun. */
class AllAtOnce extends MemoryBackend {
  #missing: number;
  #open = (): void => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(count: number) {
    super({ baseUrl: "http://127.0.0.1:1/files", secrets: ["0123456789abcdef0123456789abcdef"] });
    this.#missing = count;
  }

  override async write(...call: Parameters<MemoryBackend["write"]>) {
    this.#missing -= 1;
    if (this.#missing === 0) this.#open();
    await this.#opened;
    return super.write(...call);
  }
}

describe("the limit of bytes in a window", () => {
  it("answers 429 with the fields that say when to come again", async () => {
    const service = await start();
    expect((await put(service, "a", 600)).status).toBe(200);
    const refused = await put(service, "b", 401);
    expect(refused.status).toBe(429);
    expect(refused.json()).toMatchObject({ code: "rate_limited", status: 429 });
    const fields = { "ratelimit-limit": "1000", "ratelimit-remaining": "400" };
    expect(refused.headers).toMatchObject(fields);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(50);
    expect(refused.headers["ratelimit-reset"]).toBe(refused.headers["retry-after"]);
    // What is refused before it has come takes nothing of what is left.
    expect((await put(service, "c", 400)).status).toBe(200);
    expect((await put(service, "d", 0)).status).toBe(200);
    expect((await put(service, "e", 1)).status).toBe(429);
    expect(await keysOf(service)).toEqual(["acme/a", "acme/c", "acme/d"]);
  });

  it("refuses a declared length before a byte is read", async () => {
    const service = await start();
    await put(service, "a", 600);
    const { request, status } = beginPut(service, "b", 0, { "content-length": "500" });
    expect(await status).toBe(429);
    request.destroy();
  });

  it("refuses content of no declared length as soon as it is over, and leaves nothing of it", async () => {
    const service = await start();
    await put(service, "a", 600);
    const { request, status } = beginPut(service, "b", 401);
    expect(await status).toBe(429);
    request.destroy();
    expect(await keysOf(service)).toEqual(["acme/a"]);
    // It has come, and counts.
    expect((await put(service, "c", 1)).status).toBe(429);
  });

  it("counts what has come of content that is cut", async () => {
    const logLines: string[] = [];
    const service = await start({ logLines });
    const { request } = beginPut(service, "a", 500, { "content-length": "600" });
    const logged = (text: string) => () => logLines.some((line) => line.includes(text));
    await expect.poll(logged("incoming request")).toBe(true);
    // The content has come when what was sent behind it is answered.
    await put(service, "b", 1, of("other.a"));
    request.destroy();
    await expect.poll(logged("aborted")).toBe(true);
    expect((await put(service, "c", 550)).status).toBe(429);
    expect(await keysOf(service)).toEqual(["other/b"]);
  });

  it("counts each user of a tenant, the tenant as a whole, and the address", async () => {
    const service = await start({ rateLimit: { uploadBytes: 1200 } });
    expect((await put(service, "a", 600, of("acme.a"))).status).toBe(200);
    expect((await put(service, "b", 300, of("acme.b"))).status).toBe(200);
    const refused = await put(service, "c", 400, of("acme.c"));
    expect([refused.status, refused.headers["ratelimit-remaining"]]).toEqual([429, "300"]);
    // Another tenant, at the same address.
    expect((await put(service, "d", 301, of("other.a"))).status).toBe(429);
    expect((await put(service, "d", 300, of("other.a"))).status).toBe(200);
  });

  it("counts forms as they come, also those of the app's own routes", async () => {
    const routes = (app: Service["app"]) =>
      void app.post("/own", async (request) => {
        const storage = getStorage(request).forTenant("acme");
        const { files } = await receiveUpload(request, { key: "own", storage });
        return files.length;
      });
    const service = await start({ routes });
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
    const body = Buffer.concat([Buffer.from(file), Buffer.alloc(500), Buffer.from("\r\n--b--\r\n")]);
    const headers = { ...of("acme.a"), "content-type": "multipart/form-data; boundary=b" };
    const send = (path: string) => call(service.port, { method: "POST", path, headers, body });
    expect((await send("/_storage/upload?key=a")).status).toBe(200);
    const refused = await send("/own");
    expect([refused.status, refused.json().code]).toEqual([429, "rate_limited"]);
    expect(refused.headers["ratelimit-remaining"]).toBe(String(1000 - body.byteLength));
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(await keysOf(service)).toEqual(["acme/a"]);
  });

  it("counts the holders of signed URLs by address", async () => {
    const service = await start();
    const contentType = "text/plain";
    const send = async (key: string) => {
      const { pathname, search } = new URL(await service.app.storage.getUploadUrl(key, { contentType }));
      const headers = { "content-type": contentType };
      return call(service.port, { method: "PUT", path: pathname + search, headers, body: Buffer.alloc(600) });
    };
    expect([(await send("a")).status, (await send("b")).status]).toEqual([200, 429]);
  });

  it("counts an upload that is sent to the provider when it is prepared", async () => {
    const service = await start({ serveFiles: false });
    expect((await prepare(service, 600)).status).toBe(201);
    const refused = await prepare(service, 401);
    expect([refused.status, refused.json().code]).toEqual([429, "rate_limited"]);
    expect((await put(service, "a", 401)).status).toBe(429);
    expect((await prepare(service, 400)).status).toBe(201);
  });

  it("takes nothing for an upload that could not be prepared", async () => {
    const service = await start({ policy: { types: ["image/*"] } });
    expect((await prepare(service, 600)).status).toBe(415);
    expect((await put(service, "a", 1)).status).toBe(415);
    expect((await prepare(service, 600)).status).toBe(415);
  });

  it("admits no more uploads that are prepared at once than one after the other", async () => {
    const service = await start({ serveFiles: false, backend: new AllAtOnce(4) });
    const answers = await Promise.all([1, 2, 3, 4].map(() => prepare(service, 300)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 429]);
    const staged = await service.storage.sweep({ dryRun: true, now: new Date(Date.now() + 8e6) });
    expect(staged).toMatchObject({ staged: 3 });
  });

  it("counts what is sent by the file route once for the tenant, and once for the address", async () => {
    const service = await start();
    const prepared = (await prepare(service, 600)).json();
    const { pathname, search } = new URL(String(prepared.url));
    const headers = { "content-type": "text/plain" };
    const path = pathname + search;
    const send = () => call(service.port, { method: "PUT", path, headers, body: Buffer.alloc(600) });
    expect((await send()).status).toBe(204);
    // The holder of the request may send it again, but not for ever.
    expect((await send()).status).toBe(429);
    const complete = { method: "POST", path: `/_storage/uploads/${prepared.id}/complete` };
    expect((await call(service.port, { ...complete, headers: of("acme.a") })).status).toBe(200);
    expect((await put(service, "b", 400)).status).toBe(200);
  });

  it("begins anew with each window", async () => {
    const service = await start({ rateLimit: { uploadBytes: 600, windowMs: 300 } });
    expect((await put(service, "a", 600)).status).toBe(200);
    await expect.poll(async () => (await put(service, "b", 600)).status).toBe(200);
  });

  it("is refused when the largest upload would be over it in every window", async () => {
    const limits = { maxUploadBytes: 2000, rateLimit: { uploadBytes: 1000 } };
    await expect(start(limits)).rejects.toThrow(
      /STORAGE_RATE_LIMIT_UPLOAD_BYTES.*rateLimit\.uploadBytes.*1000.*2000.*maxUploadBytes/s,
    );
  });

  it("is shared by all processes with REDIS_URL, and counts nothing while Redis is away", async () => {
    const redis = await startRedis();
    process.env.REDIS_URL = redis.url;
    try {
      const [one, other] = [await start(), await start()];
      await expect.poll(async () => (await put(one, "a", 600)).status).toBe(200);
      await expect.poll(async () => (await put(other, "b", 401)).status).toBe(429);
      const refused = await put(other, "b", 401);
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
      const { request, status } = beginPut(other, "c", 401);
      expect(await status).toBe(429);
      request.destroy();
      await redis.stop();
      expect((await put(one, "d", 600)).status).toBe(200);
    } finally {
      delete process.env.REDIS_URL;
      await redis.stop().catch(() => undefined);
    }
  });

  it("begins anew with each window in Redis", async () => {
    const redis = await startRedis();
    process.env.REDIS_URL = redis.url;
    try {
      const service = await start({ rateLimit: { uploadBytes: 600, windowMs: 2000 } });
      await expect.poll(async () => (await put(service, "a", 600)).status).toBe(429);
      await expect.poll(async () => (await put(service, "b", 600)).status, { timeout: 8000 }).toBe(200);
    } finally {
      delete process.env.REDIS_URL;
      await redis.stop();
    }
  });
});
