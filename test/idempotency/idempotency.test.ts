import Fastify, { type FastifyInstance } from "fastify";
import { addCache } from "svc-infra/cache";
import { type AddIdempotencyOptions, addIdempotency } from "svc-infra/idempotency";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  await addIdempotency(app, { env, ...options });
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
  app: FastifyInstance,
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
