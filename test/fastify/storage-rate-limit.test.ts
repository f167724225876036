import rateLimit from "@fastify/rate-limit";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { addStorage, bearerToken, getStorage, receiveUpload } from "svc-infra";
import { easyServiceApp } from "svc-infra/app";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import { call, type Service, startService } from "../acceptance/service.js";
import { startRedis } from "../rigs/redis.js";

let services: Service[] = [];

afterEach(async () => {
  await Promise.all(services.map((service) => service.close()));
  services = [];
});

async function start(options: Parameters<typeof startService>[0]): Promise<Service> {
  const service = await startService(options);
  services.push(service);
  return service;
}

const list = (service: Service, user = "a", tenant = "acme") =>
  call(service.port, { path: "/_storage/list", headers: { authorization: `Bearer ${tenant}.${user}` } });

const authorize = ({ headers }: { headers: { authorization?: string | undefined } }) => {
  const [tenant = "", user] = (headers.authorization ?? "").replace("Bearer ", "").split(".");
  return { tenant, user };
};

describe("rate limits of the storage's routes", () => {
  it("answer 429 with the fields that say when to come again", async () => {
    const service = await start({ authorize, rateLimit: { reads: 2, windowMs: 60_000 } });
    const answers = [await list(service), await list(service), await list(service)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[1]?.headers).toMatchObject({ "ratelimit-limit": "2", "ratelimit-remaining": "0" });
    const last = answers[2];
    expect(last?.json()).toMatchObject({ code: "rate_limited", status: 429 });
    expect(Number(last?.headers["retry-after"])).toBeGreaterThan(0);
    expect(last?.headers["content-type"]).toBe("application/problem+json");
  });

  it("count refused tokens by their address, so that guesses end, also a right one", async () => {
    const service = await start({ authorize: bearerToken("right"), rateLimit: { reads: 2 } });
    const statuses = [];
    for (const token of ["a", "b", "c", "right"]) {
      const headers = { authorization: `Bearer ${token}` };
      statuses.push((await call(service.port, { path: "/_storage/list", headers })).status);
    }
    expect(statuses).toEqual([401, 401, 429, 429]);
  });

  it("count each user of a tenant, and the tenant as a whole", async () => {
    const service = await start({ authorize, rateLimit: { reads: 3 }, allowOrigins: [] });
    expect((await list(service, "a")).headers["ratelimit-remaining"]).toBe("2");
    expect((await list(service, "b")).headers["ratelimit-remaining"]).toBe("1");
    expect((await list(service, "c")).status).toBe(200);
    expect((await list(service, "d")).status).toBe(429);
  });

  it("count what is read, signed and uploaded for itself, and nothing unless they are told to", async () => {
    const service = await start({ rateLimit: { signs: 1 } });
    const sign = () =>
      call(service.port, {
        method: "POST",
        path: "/_storage/sign",
        headers: { "content-type": "application/json" },
        body: Buffer.from('{"key":"a"}'),
      });
    expect([(await sign()).status, (await sign()).status]).toEqual([200, 429]);
    expect((await call(service.port, { path: "/_storage/list" })).headers["ratelimit-limit"]).toBeUndefined();
  });

  it("count the holders of signed URLs by address", async () => {
    const service = await start({ rateLimit: { reads: 1 } });
    await service.storage.put("a", "hello");
    const { pathname, search } = new URL(await service.app.storage.getUrl("a"));
    const read = () => call(service.port, { path: pathname + search });
    expect([(await read()).status, (await read()).status]).toEqual([200, 429]);
  });

  it("count what the app's own routes receive together with the rest, and tell when to come again", async () => {
    const routes = (app: Service["app"]) =>
      void app.post("/own", async (request) => {
        const { files } = await receiveUpload(request, {
          key: "k",
          storage: getStorage(request).forTenant("acme"),
        });
        return files.length;
      });
    const service = await start({ rateLimit: { uploads: 2 }, routes });
    const form = Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--b--\r\n',
    );
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const send = (path: string) => call(service.port, { method: "POST", path, headers, body: form });
    expect((await send("/_storage/upload?key=a")).status).toBe(200);
    expect((await send("/own")).status).toBe(200);
    const last = await send("/own");
    expect([last.status, last.json().code]).toEqual([429, "rate_limited"]);
    expect(Number(last.headers["retry-after"])).toBeGreaterThan(0);
    expect((await send("/_storage/upload?key=b")).status).toBe(429);
  });

  it("believe no header about the address", async () => {
    const service = await start({ rateLimit: { reads: 1 }, authorize: () => true });
    const from = (address: string) =>
      call(service.port, { path: "/_storage/list", headers: { "x-forwarded-for": address } });
    expect([(await from("1.1.1.1")).status, (await from("2.2.2.2")).status]).toEqual([200, 429]);
  });

  it("count an IPv6 network as one client, however its addresses are written", async () => {
    const app = Fastify({ trustProxy: "127.0.0.1" });
    await addStorage(app, new MemoryBackend(), { authorize: () => true, rateLimit: { reads: 2 } });
    const from = async (address: string) => {
      const headers = { "x-forwarded-for": address };
      return (await app.inject({ url: "/_storage/list", headers })).statusCode;
    };
    try {
      expect([await from("2001:db8::a:b:c:d"), await from("2001:db8::1:2:3:4")]).toEqual([200, 200]);
      expect([await from("2001:0db8:0:0:9::"), await from("2001:db8:0:0:e:f:0:1")]).toEqual([429, 429]);
      expect([await from("2001:db8:0:1::1"), await from("::1")]).toEqual([200, 200]);
    } finally {
      await app.close();
    }
  });

  it("are those of the storage that an upload goes to, also for a tenant of a second one", async () => {
    const app = Fastify();
    await addStorage(app, new MemoryBackend(), { authorize: () => true, maxUploadBytes: 4 });
    const archive = await addStorage(app, new MemoryBackend(), {
      authorize: () => true,
      decorator: "archive",
      managementPrefix: "/_archive",
      serveFiles: { prefix: "/archive" },
      maxUploadBytes: 1000,
    });
    app.post("/own", async (request) => {
      const { files } = await receiveUpload(request, { key: "k", storage: archive.forTenant("acme") });
      return files.length;
    });
    const payload =
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--b--\r\n';
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const answer = await app.inject({ method: "POST", url: "/own", headers, payload });
    await app.close();
    expect(answer.statusCode).toBe(200);
  });

  it("are counted by themselves, whatever the app has registered for its own rates", async () => {
    const asked: string[] = [];
    class FailingStore {
      incr(key: string, done: (error: Error) => void): void {
        asked.push(key);
        done(new Error("away"));
      }
      child(): FailingStore {
        return this;
      }
    }
    const app = Fastify();
    await app.register(rateLimit, { global: false, store: FailingStore as never });
    await addStorage(app, new MemoryBackend(), { authorize: () => true, rateLimit: { reads: 2 } });
    const list = async () => (await app.inject("/_storage/list")).statusCode;
    const statuses = [await list(), await list(), await list()];
    await app.close();
    expect([statuses, asked]).toEqual([[200, 200, 429], []]);
  });

  it("are refused by name when they are no numbers", async () => {
    await expect(start({ rateLimit: { reads: -1 } })).rejects.toThrow(/option 'reads'/);
  });

  it("have keys that begin with the name of the service, so that services may share a Redis", async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    const app = await easyServiceApp({
      name: "shop",
      // Without limits of the service, whose keys would hold those of the storage.
      env: { APP_ENV: "test", LOG_LEVEL: "error", RATE_LIMIT_MAX: "0", REDIS_URL: redis.url },
      storage: {
        source: new MemoryBackend(),
        authorize: "open",
        maxUploadBytes: 2000,
        rateLimit: { reads: 1, uploadBytes: 2000 },
      },
    });
    const payload = `--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${"a".repeat(1500)}\r\n--b--\r\n`;
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    try {
      const list = async () => (await app.inject("/_storage/list")).statusCode;
      const upload = async () =>
        (await app.inject({ method: "POST", url: "/_storage/upload?key=a", headers, payload })).statusCode;
      await expect.poll(list).toBe(429);
      await expect.poll(upload).toBe(429);
      const keys = await client.keys("*");
      expect(keys.toSorted()).toEqual([
        "shop:storage:rate:bytes:address:127.0.0.1",
        expect.stringMatching(/^shop:storage:rate:.*reads:address:/),
      ]);
    } finally {
      await app.close();
      client.disconnect();
      await redis.stop();
    }
  });

  it("are shared by all processes with REDIS_URL", async () => {
    const redis = await startRedis();
    process.env.REDIS_URL = redis.url;
    try {
      const options = { authorize, rateLimit: { reads: 2 } };
      const [one, other] = [await start(options), await start(options)];
      expect((await list(one)).status).toBe(200);
      await expect.poll(async () => (await list(other)).status).toBe(429);
      await redis.stop();
      expect((await list(one)).status).toBe(200);
    } finally {
      delete process.env.REDIS_URL;
      await redis.stop().catch(() => undefined);
    }
  });
});
