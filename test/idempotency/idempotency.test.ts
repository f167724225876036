import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:http2";
import { setTimeout as after } from "node:timers/promises";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { addStorage } from "svc-infra";
import { easyServiceApp } from "svc-infra/app";
import { addCache } from "svc-infra/cache";
import { keepNoAnswers } from "svc-infra/http";
import { type AddIdempotencyOptions, addIdempotency } from "svc-infra/idempotency";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { addTenancy } from "svc-infra/tenancy";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { KeyRecords } from "#dist/idempotency/key-records.js";
import { pipeline, postOf } from "../http/pipeline.js";
import { type RedisRig, startRedis } from "../rigs/redis.js";

let redis: RedisRig;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** A service that counts its payments. */
async function payments(env: Record<string, string>, options: AddIdempotencyOptions = {}) {
  const app = Fastify();
  const made: unknown[] = [];
  let hold: Promise<void> = Promise.resolve();
  // A busy machine may keep Redis waiting for longer than the half second that a service gives it.
  await addIdempotency(app, { env: { CACHE_TIMEOUT_MS: "10000", ...env }, ...options });
  app.post("/payments", async (request, reply) => {
    made.push(request.body);
    const number = made.length;
    await hold;
    return reply
      .code(201)
      .header("location", `/payments/${number}`)
      .header("set-cookie", "a=1")
      .send({ number });
  });
  app.post("/refunds", { config: { idempotency: "required" } }, async () => ({
    number: made.push("refund"),
  }));
  app.post("/broken", async () => {
    made.push("broken");
    throw new Error("broken");
  });
  const guarded = {
    preHandler: async () => Promise.reject(Object.assign(new Error("no"), { statusCode: 403 })),
  };
  app.post("/guarded", guarded, async () => ({}));
  const wait = () => {
    let go = () => {};
    hold = new Promise((resolve) => {
      go = resolve;
    });
    return go;
  };
  return { app, made, wait };
}

function pay(
  app: Pick<FastifyInstance, "inject">,
  key: string,
  { user = "ann", body = { amount: 1 } as object, url = "/payments" } = {},
) {
  const headers = { authorization: `Bearer ${user}`, "idempotency-key": key };
  return app.inject({ method: "POST", url, headers, payload: body });
}

describe.each(["memory", "redis"])("with keys in %s", (kind) => {
  const env = () => (kind === "redis" ? redis.env : {});

  it("a repetition gets the first answer, and the work is done once", async () => {
    const { app, made } = await payments(env());
    const first = await pay(app, '"a1"');
    const second = await pay(app, '"a1"');
    expect(made).toHaveLength(1);
    expect([second.statusCode, second.json(), second.headers.location]).toEqual([
      201,
      { number: 1 },
      "/payments/1",
    ]);
    expect(second.headers["content-type"]).toBe(first.headers["content-type"]);
    expect(second.headers["idempotency-replayed"]).toBe("true");
    expect(second.headers["set-cookie"]).toBeUndefined();
    await app.close();
  });

  it("a repetition gets 409 while the first request runs", async () => {
    const { app, made, wait } = await payments(env());
    const go = wait();
    const first = pay(app, "a2");
    await expect.poll(() => made.length).toBe(1);
    const second = await pay(app, "a2");
    expect([second.statusCode, second.json().code]).toEqual([409, "idempotency_key_in_use"]);
    go();
    expect((await first).statusCode).toBe(201);
    expect((await pay(app, "a2")).json()).toEqual({ number: 1 });
    await app.close();
  });

  it("a key that comes with other content gets 422, also while the first request runs", async () => {
    const { app, made, wait } = await payments(env());
    const go = wait();
    const first = pay(app, "a3");
    await expect.poll(() => made.length).toBe(1);
    expect((await pay(app, "a3", { body: { amount: 2 } })).statusCode).toBe(422);
    go();
    await first;
    const second = await pay(app, "a3", { body: { amount: 2 } });
    expect([second.statusCode, second.json().code]).toEqual([422, "idempotency_key_reused"]);
    expect(made).toHaveLength(1);
    await app.close();
  });

  it("the key of another user gives nothing away and does that user's own work", async () => {
    const { app } = await payments(env());
    await pay(app, "a4");
    const other = await pay(app, "a4", { user: "eve" });
    expect(other.json()).toEqual({ number: 2 });
    expect(other.headers["idempotency-replayed"]).toBeUndefined();
    await app.close();
  });

  it("a failure of the service is not kept", async () => {
    const { app, made } = await payments(env());
    await pay(app, "a5", { url: "/broken" });
    await pay(app, "a5", { url: "/broken" });
    expect(made).toEqual(["broken", "broken"]);
    await app.close();
  });

  it("of many requests at once one does the work", async () => {
    const { app, made } = await payments(env());
    const answers = await Promise.all(Array.from({ length: 20 }, () => pay(app, "a6")));
    expect(made).toHaveLength(1);
    expect(answers.every(({ statusCode }) => statusCode === 201 || statusCode === 409)).toBe(true);
    await app.close();
  });
});

it("a key holds for one method and one tenant", async () => {
  const app = Fastify();
  let calls = 0;
  await addTenancy(app, { env: {}, header: "x-tenant" });
  await addIdempotency(app, { env: {} });
  app.route({ method: ["POST", "PATCH"], url: "/notes", handler: async () => ({ number: ++calls }) });
  const send = async (method: "POST" | "PATCH", tenant: string) => {
    const headers = { authorization: "Bearer ann", "idempotency-key": "same", "x-tenant": tenant };
    return (await app.inject({ method, url: "/notes", headers, payload: { a: 1 } })).json().number;
  };
  expect([await send("POST", "acme"), await send("PATCH", "acme"), await send("POST", "other")]).toEqual([
    1, 2, 3,
  ]);
  expect([await send("POST", "acme"), await send("PATCH", "acme"), await send("POST", "other")]).toEqual([
    1, 2, 3,
  ]);
  await app.close();
});

it("a key holds for one tenant of the user, also without addTenancy", async () => {
  const app = Fastify();
  let calls = 0;
  app.decorateRequest("user");
  app.addHook("onRequest", async (request) => {
    Object.assign(request, { user: { id: "ann", tenant: request.headers["x-organisation"] } });
  });
  await addIdempotency(app, { env: {} });
  app.post("/notes", async () => ({ number: ++calls }));
  const send = async (organisation: string) => {
    const headers = { "idempotency-key": "same", "x-organisation": organisation };
    return (await app.inject({ method: "POST", url: "/notes", headers, payload: {} })).json().number;
  };
  expect([await send("acme"), await send("other"), await send("acme")]).toEqual([1, 2, 1]);
  await app.close();
});

it("all credentials of a request make its caller", async () => {
  const app = Fastify();
  let calls = 0;
  await addIdempotency(app, { env: {} });
  app.post("/notes", async () => ({ number: ++calls }));
  const send = async (credentials: Record<string, string>) => {
    const headers = { "idempotency-key": "same", ...credentials };
    return (await app.inject({ method: "POST", url: "/notes", headers, payload: {} })).json().number;
  };
  const authorization = "Basic of-the-gateway";
  const callers = [
    { authorization, cookie: "session=ann" },
    { authorization, cookie: "session=eve" },
    { authorization, "x-api-key": "ann" },
    { authorization },
    { cookie: "session=ann" },
  ];
  for (const _ of ["first", "again"]) {
    const numbers = [];
    for (const caller of callers) numbers.push(await send(caller));
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
  }
  await app.close();
});

it("readiness tells of a Redis of its own that is away, and stays ready", async () => {
  const app = Fastify();
  await addIdempotency(app, { env: { REDIS_URL: "redis://127.0.0.1:1" } });
  const answer = await app.inject("/readyz");
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ status: "degraded", checks: { idempotency: { status: "failed" } } });
  await app.close();
});

it("the same key on another path, or without credentials, is another one", async () => {
  const { app, made } = await payments({});
  await pay(app, "b1");
  await pay(app, "b1", { url: "/refunds" });
  await app.inject({
    method: "POST",
    url: "/payments",
    headers: { "idempotency-key": "b1" },
    payload: { amount: 1 },
  });
  expect(made).toHaveLength(3);
});

it("two processes on one Redis do the work once", async () => {
  const [one, other] = [await payments(redis.env), await payments(redis.env)];
  await pay(one.app, "b2");
  expect((await pay(other.app, "b2")).headers["idempotency-replayed"]).toBe("true");
  expect(other.made).toHaveLength(0);
  await one.app.close();
  await other.app.close();
});

it.each([{ cache: false }, { cache: true }])(
  "services on one Redis have keys of their own, %o",
  async (given) => {
    const env = { ...redis.env, LOG_LEVEL: "silent" };
    const answers: unknown[] = [];
    for (const name of ["shop", "till"]) {
      const app = await easyServiceApp({ name, env, idempotency: true, ...given });
      app.post("/payments", async () => ({ name }));
      answers.push((await pay(app, `b7-${given.cache}`)).json());
      await app.close();
    }
    expect(answers).toEqual([{ name: "shop" }, { name: "till" }]);
  },
);

it("CACHE_PREFIX and keyPrefix stand before the keys", async () => {
  const all = [
    await payments({ ...redis.env, CACHE_PREFIX: "shop:" }),
    await payments({ ...redis.env, CACHE_PREFIX: "till:" }),
    await payments({ ...redis.env, CACHE_PREFIX: "till:" }, { keyPrefix: "desk:" }),
    await payments(redis.env),
  ];
  for (const { app, made } of all) {
    await pay(app, "b8");
    expect(made).toHaveLength(1);
    await app.close();
  }
});

it("nothing is repeated to a caller whom the route refuses", async () => {
  const { app } = await payments({});
  expect((await pay(app, "b3", { url: "/guarded" })).statusCode).toBe(403);
});

it("a route can need a key, and a key can be spelled wrongly", async () => {
  const { app } = await payments({});
  const none = await app.inject({ method: "POST", url: "/refunds", payload: {} });
  expect([none.statusCode, none.json().code]).toEqual([400, "idempotency_key_required"]);
  for (const key of ['"open', "a b", "", '"a", "b"', "x".repeat(256)]) {
    expect((await pay(app, key)).json().code).toBe("invalid_idempotency_key");
  }
});

it("a store that is away is answered with 503, and the work is not done", async () => {
  const own = await startRedis();
  const { app, made } = await payments({ REDIS_URL: own.url, CACHE_TIMEOUT_MS: "200" });
  await own.stop();
  const answer = await pay(app, "b4");
  expect([answer.statusCode, answer.json().code, answer.headers["retry-after"]]).toEqual([
    503,
    "idempotency_unavailable",
    "1",
  ]);
  expect(made).toHaveLength(0);
  await app.close();
});

it("a key of which the store has something that cannot be read is answered with 503, and the work is not done", async () => {
  const { store } = await addCache(Fastify(), { env: {} });
  // As Redis answers a version of V8 that is older than the one that wrote the value.
  let asked = 0;
  store.add = async () => new Promise((done) => setTimeout(done, 1, ++asked > 1000));
  store.read = async () => [undefined];
  const { app, made } = await payments({}, { store });
  const answer = await pay(app, "b6");
  expect([answer.statusCode, answer.json().code]).toEqual([503, "idempotency_unavailable"]);
  expect(made).toHaveLength(0);
  expect(asked).toBeLessThan(10);
});

it("takes the store of the cache when there is one", async () => {
  const app = Fastify();
  const { store } = await addCache(app, { env: {} });
  await addIdempotency(app, { env: {} });
  app.post("/payments", async () => ({}));
  await pay(app, "b5");
  await store.close();
  expect((await pay(app, "b5")).headers["idempotency-replayed"]).toBeUndefined();
});

it("production needs a store that processes share, or the word memory", async () => {
  const env = { APP_ENV: "production" };
  await expect(addIdempotency(Fastify(), { env })).rejects.toThrow(/REDIS_URL.*store: 'memory'/);
  await addIdempotency(Fastify(), { env, store: "memory" });
});

it("the work of a client that leaves is done once, and its answer is kept", async () => {
  const { app, made, wait } = await payments({});
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const go = wait();
  const headers = {
    "idempotency-key": "c1",
    "content-type": "application/json",
    authorization: "Bearer ann",
  };
  const body = JSON.stringify({ amount: 1 });
  const leave = new AbortController();
  const left = fetch(`${url}/payments`, { method: "POST", headers, body, signal: leave.signal }).catch(
    () => "left",
  );
  await expect.poll(() => made.length).toBe(1);
  leave.abort();
  expect(await left).toBe("left");
  const connections = () =>
    new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections).toBe(0);
  const running = await pay(app, "c1");
  expect(running.json().code).toBe("idempotency_key_in_use");
  go();
  await expect.poll(async () => (await pay(app, "c1")).headers["idempotency-replayed"]).toBe("true");
  expect(made).toHaveLength(1);
  await app.close();
});

it("ten minutes after its client left, a handler that never answers frees the key of a request that waited for its turn", async () => {
  const app = Fastify();
  let calls = 0;
  await addIdempotency(app, { env: {} });
  app.post("/work", () => {
    calls++;
    return new Promise(() => undefined);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const port = Number(Object(app.server.address()).port);
  const headers = { authorization: "Bearer ann", "idempotency-key": "p1" };
  const client = pipeline(port, [postOf("/work", {}), postOf("/work", {}, headers)]);
  await expect.poll(() => calls).toBe(2);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    client.destroy();
    const connections = () =>
      new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections).toBe(0);
    vi.advanceTimersByTime(599_000);
    expect((await pay(app, "p1", { url: "/work", body: {} })).statusCode).toBe(409);
    vi.advanceTimersByTime(2000);
  } finally {
    vi.useRealTimers();
  }
  const again = postOf("/work", {}, headers);
  const other = pipeline(port, [again]);
  await expect.poll(() => calls).toBe(3);
  other.destroy();
  await app.close();
});

/** Sends work whose handler ends only after its client has left. */
async function leaveAmid(
  http2: boolean,
  answer: (reply: FastifyReply, hasLeft: Promise<unknown>) => Promise<unknown>,
) {
  const app = (http2 ? Fastify({ http2: true }) : Fastify()) as unknown as FastifyInstance;
  let calls = 0;
  let hasEnded = false;
  await addIdempotency(app, { env: {} });
  app.post("/work", (_request, reply) => {
    calls++;
    const answered = answer(
      reply,
      once(reply.raw, "close").then(() => after(20)),
    );
    answered.then(() => (hasEnded = true));
    return answered;
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const headers = {
    "idempotency-key": "l1",
    "content-type": "application/json",
    authorization: "Bearer ann",
  };
  const leave = await startRequest(http2, url, headers);
  await expect.poll(() => calls).toBe(1);
  leave();
  await expect.poll(() => hasEnded).toBe(true);
  return { app, calls: () => calls, again: () => pay(app, "l1", { url: "/work", body: {} }) };
}

/** A request of which nobody waits for the answer. Returns what ends its connection. */
async function startRequest(http2: boolean, url: string, headers: Record<string, string>) {
  if (http2) {
    const session = connect(url);
    const stream = session.request({ ":method": "POST", ":path": "/work", ...headers });
    stream.on("error", () => undefined);
    stream.end("{}");
    return () => session.destroy();
  }
  const message = request(`${url}/work`, { method: "POST", headers });
  message.on("error", () => undefined);
  message.end("{}");
  return () => message.destroy();
}

it.each([false, true])(
  "an empty answer of a client that has left is kept, over HTTP/2: %s",
  async (http2) => {
    const { app, calls, again } = await leaveAmid(http2, async (reply, hasLeft) => {
      reply.code(202);
      await hasLeft;
    });
    const second = await again();
    expect([second.statusCode, second.body, second.headers["idempotency-replayed"]]).toEqual([
      202,
      "",
      "true",
    ]);
    expect(calls()).toBe(1);
    await app.close();
  },
);

it.each([false, true])(
  "an answer that comes after its client left and its handler ended is kept, over HTTP/2: %s",
  async (http2) => {
    let answer: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { app, calls, again } = await leaveAmid(http2, async (reply, hasLeft) => {
      void Promise.all([hasLeft, isAsked]).then(() => reply.send({ number: 1 }));
      return reply;
    });
    expect((await again()).statusCode).toBe(409);
    answer();
    await expect.poll(async () => (await again()).body).toBe('{"number":1}');
    expect(calls()).toBe(1);
    await app.close();
  },
);

it.each([
  ["a number that JSON does not know", z.object({ amount: z.coerce.bigint() })],
  ["a value that is new each time", z.object({ amount: z.int(), id: z.string().default(randomUUID) })],
  ["what JSON cannot tell apart", z.object({ amount: z.int().transform((amount) => new Set([amount])) })],
])("content of which a schema makes %s is compared as it came", async (_what, body) => {
  const app = await easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent" }, idempotency: true });
  let calls = 0;
  app.post("/payments", { schema: { body } }, async () => ({ number: ++calls }));
  expect((await pay(app, "v1")).json()).toEqual({ number: 1 });
  expect((await pay(app, "v1")).json()).toEqual({ number: 1 });
  expect((await pay(app, "v1", { body: { amount: 2 } })).json().code).toBe("idempotency_key_reused");
  await app.close();
});

it("a route of the kit compares the content that it reads by itself", async () => {
  const app = Fastify();
  await addIdempotency(app, { env: {} });
  await addStorage(app, new Storage(new MemoryBackend()), { authorize: "open" });
  const sign = (key: string) =>
    app.inject({
      method: "POST",
      url: "/_storage/sign",
      headers: { host: "localhost", "idempotency-key": "d1" },
      payload: { key },
    });
  expect((await sign("a.txt")).statusCode).toBe(200);
  expect((await sign("a.txt")).headers["idempotency-replayed"]).toBe("true");
  expect((await sign("b.txt")).statusCode).toBe(422);
  await app.close();
});

it("an upload ignores keys: content that is streamed cannot be compared", async () => {
  const app = Fastify();
  await addIdempotency(app, { env: {} });
  const storage = await addStorage(app, new Storage(new MemoryBackend()), { authorize: "open" });
  for (const payload of ["AAAA", "BBBB"]) {
    const headers = { host: "localhost", "content-type": "text/plain", "idempotency-key": "e1" };
    const answer = await app.inject({ method: "POST", url: "/_storage/upload?key=a.txt", headers, payload });
    expect([answer.statusCode, answer.headers["idempotency-replayed"]]).toEqual([200, undefined]);
  }
  expect(Buffer.from(await storage.get("a.txt")).toString()).toBe("BBBB");
  await app.close();
});

/** An app whose content of these types is read by the handlers themselves. */
async function streaming() {
  const app = Fastify();
  await addIdempotency(app, { env: {} });
  app.addContentTypeParser("application/x-unread", (_request, _payload, done) => done(null));
  app.addContentTypeParser("application/x-stream", (_request, payload, done) => done(null, payload));
  app.addContentTypeParser("application/x-circle", (_request, _payload, done) => {
    const parts: { fields?: object } = {};
    done(null, Object.assign(parts, { fields: parts }));
  });
  let calls = 0;
  const work = async () => ({ number: ++calls });
  app.post("/optional", work);
  app.post("/required", { config: { idempotency: "required" } }, work);
  const send = async (url: string, type: string) => {
    const headers = { "content-type": `application/${type}`, "idempotency-key": "s1" };
    const { statusCode, json } = await app.inject({ method: "POST", url, headers, payload: "{}" });
    return [statusCode, json().code ?? json().number];
  };
  return { send, calls: () => calls };
}

it("a key of content that the handler reads as a stream, or that names itself, is ignored", async () => {
  const { send } = await streaming();
  for (const [round, type] of ["x-unread", "x-stream", "x-circle"].entries()) {
    expect(await send("/optional", type)).toEqual([200, round * 2 + 1]);
    expect(await send("/optional", type)).toEqual([200, round * 2 + 2]);
  }
});

it("a route that needs a key refuses content that cannot be compared", async () => {
  const { send, calls } = await streaming();
  for (const type of ["x-unread", "x-stream", "x-circle"]) {
    expect(await send("/required", type)).toEqual([415, "unsupported_type"]);
  }
  expect(calls()).toBe(0);
  expect(await send("/required", "json")).toEqual([200, 1]);
});

it("answers that hold secrets, and large ones, are kept in no store", async () => {
  const app = Fastify();
  let calls = 0;
  await addIdempotency(app, { env: {} });
  await app.register(async (scope) => {
    keepNoAnswers(scope);
    scope.post("/token", async () => ({ token: calls++ }));
  });
  app.post("/large", async () => `${calls++}`.padEnd(2 * 1024 * 1024));
  for (const url of ["/token", "/large"]) {
    await pay(app, "f1", { url });
    await pay(app, "f1", { url });
  }
  expect(calls).toBe(4);
  await app.close();
});

it("a repetition has an id and limits of its own", async () => {
  const app = Fastify();
  await addIdempotency(app, { env: {} });
  let calls = 0;
  app.post("/payments", async (_request, reply) => {
    reply.headers({
      "x-request-id": String(calls++),
      "access-control-allow-origin": "a",
      "ratelimit-limit": "1",
    });
    return reply.header("x-own", "kept").send("{}");
  });
  await pay(app, "g1");
  const { headers } = await pay(app, "g1");
  expect(headers).toMatchObject({ "x-own": "kept", "idempotency-replayed": "true" });
  expect(Object.keys(headers)).not.toEqual(
    expect.arrayContaining(["x-request-id", "access-control-allow-origin", "ratelimit-limit"]),
  );
  expect(headers["x-request-id"]).toBeUndefined();
  await app.close();
});

it("an answer that the store did not take at once is kept later, and the key stays claimed", async () => {
  const { store } = await addCache(Fastify(), { env: {} });
  const write = store.write.bind(store);
  let failures = 1;
  store.write = async (...given) => {
    if (failures-- > 0) throw new Error("away");
    return write(...given);
  };
  const { app, made } = await payments({}, { store });
  expect((await pay(app, "h1")).statusCode).toBe(201);
  expect((await pay(app, "h1")).json().code).toBe("idempotency_key_in_use");
  await expect
    .poll(async () => (await pay(app, "h1")).headers["idempotency-replayed"], { timeout: 10_000 })
    .toBe("true");
  expect(made).toHaveLength(1);
  await app.close();
});

it("claims of a memory that is full outlive answers that nobody asked for", async () => {
  const { store } = await addCache(Fastify(), { env: {}, maxEntries: 3 });
  await store.add("claim", "mark", 60_000);
  await store.write("answer", "unread", 60_000);
  await store.renewIf("claim", "mark", 60_000);
  for (const key of ["a", "b"]) await store.write(key, key, 60_000);
  expect(await store.read(["claim", "answer"])).toEqual(["mark", undefined]);
});

describe("a claim", () => {
  const key = "k";
  const answer = (text: string) => ({ statusCode: 201, headers: {}, body: Buffer.from(text) });
  const open = async () => {
    const { store } = await addCache(Fastify(), { env: {} });
    const records = new KeyRecords(store, 60_000);
    const begin = async () => {
      const state = await records.begin(key, "f");
      if (state.is !== "new") throw new Error(state.is);
      return state.claim;
    };
    const kept = async () => {
      const state = await records.begin(key, "f");
      return state.is === "answered" ? Buffer.from(state.answer.body).toString() : state.is;
    };
    return { store, begin, kept };
  };

  it("that lapsed leaves the answer of the request that took the key over", async () => {
    const { store, begin, kept } = await open();
    const stalled = await begin();
    await store.remove([key]);
    const next = await begin();
    await stalled.keep(answer("late"));
    expect(await kept()).toBe("running");
    await next.keep(answer("right"));
    await stalled.keep(answer("late"));
    expect(await kept()).toBe("right");
  });

  it("that lapsed keeps its answer where no other request took the key over", async () => {
    const { store, begin, kept } = await open();
    const stalled = await begin();
    await store.remove([key]);
    await stalled.keep(answer("late"));
    expect(await kept()).toBe("late");
  });

  it("that the store took without an answer is given back soon", async () => {
    const { store, begin, kept } = await open();
    const add = store.add.bind(store);
    store.add = async (...given) => {
      await add(...given);
      throw new Error("Command timed out");
    };
    await expect(begin()).rejects.toThrow("timed out");
    store.add = add;
    const removeIf = store.removeIf.bind(store);
    let refusals = 1;
    store.removeIf = async (...given) => {
      if (refusals-- > 0) throw new Error("could not be reached a moment ago");
      return removeIf(...given);
    };
    expect(await kept()).toBe("running");
    await expect.poll(kept, { timeout: 5000 }).toBe("new");
    expect(refusals).toBe(-1);
  });
});
