import Fastify, { type FastifyInstance } from "fastify";
import { addCache, getCache } from "svc-infra/cache";
import { problemHandler } from "svc-infra/http";
import { CachedReceivedIds, requireSignature, signStandard } from "svc-infra/webhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisRig, startRedis } from "../rigs/redis.js";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

let redis: RedisRig;
let apps: FastifyInstance[];
let handled: string[];
let respond: () => Promise<unknown>;
let made = 0;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(() => {
  apps = [];
  handled = [];
  respond = async () => ({});
});
afterEach(() => Promise.all(apps.map((app) => app.close())));

/** One of several processes that receive the same messages. */
async function open(
  name: string,
  options: ConstructorParameters<typeof CachedReceivedIds>[1] = {},
  url = redis.url,
): Promise<FastifyInstance> {
  const app = Fastify();
  apps.push(app);
  app.setErrorHandler(problemHandler(true));
  const receivedIds = new CachedReceivedIds(await addCache(app, { url, timeoutMs: 1000, env: {} }), options);
  app.post("/hooks", { preParsing: requireSignature(secret, { receivedIds }) }, async () => {
    handled.push(name);
    return respond();
  });
  await app.ready();
  return app;
}

const newId = () => `msg_${made++}`;

async function send(app: FastifyInstance, id: string): Promise<number> {
  const headers = {
    "content-type": "application/json",
    ...signStandard({ id, sentAt: new Date(), body: "{}" }, [secret]),
  };
  return (await app.inject({ method: "POST", url: "/hooks", headers, payload: "{}" })).statusCode;
}

describe("two processes with one Redis", () => {
  it("handle a message once, also after a restart", async () => {
    const [first, second] = [await open("first"), await open("second")];
    const id = newId();
    expect(await send(first, id)).toBe(200);
    await expect.poll(() => send(second, id)).toBe(204);
    await first.close();
    expect(await send(await open("first, started again"), id)).toBe(204);
    expect(handled).toEqual(["first"]);
  });

  it("that get one message many times at once handle it once", async () => {
    const both = [await open("first"), await open("second")];
    for (const id of Array.from({ length: 20 }, newId)) {
      handled = [];
      const answers = await Promise.all([...both, ...both, ...both].map((app) => send(app, id)));
      expect(answers.filter((status) => status === 200)).toHaveLength(1);
      expect(answers.every((status) => [200, 204, 409].includes(status))).toBe(true);
      expect(handled).toHaveLength(1);
    }
  });

  it("tell a sender to come later while the other one handles the message", async () => {
    const [first, second] = [await open("first"), await open("second")];
    let finish: (value?: unknown) => void = () => undefined;
    respond = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const id = newId();
    const running = send(first, id);
    await expect.poll(() => handled).toEqual(["first"]);
    expect(await send(second, id)).toBe(409);
    finish({});
    expect(await running).toBe(200);
    await expect.poll(() => send(second, id)).toBe(204);
  });

  it("handle a message again whose handler failed in the other", async () => {
    const [first, second] = [await open("first"), await open("second")];
    const id = newId();
    respond = () => Promise.reject(new Error("down"));
    expect(await send(first, id)).toBe(500);
    respond = async () => ({});
    await expect.poll(() => send(second, id)).toBe(200);
    expect(handled.at(-1)).toBe("second");
  });

  it("handle a message again whose process died, when its time is over", async () => {
    const [first, second] = [await open("first", { handlingMs: 300 }), await open("second")];
    const id = newId();
    let finish: (value?: unknown) => void = () => undefined;
    respond = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const dying = send(first, id);
    await expect.poll(() => handled).toEqual(["first"]);
    respond = async () => ({});
    await expect.poll(() => send(second, id)).toBe(200);
    finish({});
    await dying;
  });
});

it("receivers of another name have ids of their own", async () => {
  const [stripe, github] = [await open("a", { name: "stripe" }), await open("b", { name: "github" })];
  const id = newId();
  expect([await send(stripe, id), await send(github, id)]).toEqual([200, 200]);
});

it("an id is forgotten after its window", async () => {
  const app = await open("first", { windowMs: 600_000 });
  const ids = new CachedReceivedIds(getCache(app), { windowMs: 200 });
  const id = newId();
  expect(await ids.claim(id)).toBe("claimed");
  await ids.settle(id, true);
  await expect.poll(() => ids.claim(id)).toBe("claimed");
});

it("a Redis that is away lets no message through", async () => {
  const app = await open("first", {}, "redis://127.0.0.1:1");
  expect(await send(app, newId())).toBe(503);
  expect(handled).toEqual([]);
});

it.each([{ windowMs: 0 }, { windowMs: Number.NaN }, { handlingMs: -1 }, { ttl: 1 }])(
  "the options %j are refused",
  async (options) => {
    const app = await open("first");
    expect(() => new CachedReceivedIds(getCache(app), options)).toThrow(/CachedReceivedIds/);
  },
);
