import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { addCache, Cache, type CacheStore, getCache, openStore } from "svc-infra/cache";
import { Secret, silentLogger } from "svc-infra/kernel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisRig, startRedis } from "../rigs/redis.js";

let redis: RedisRig;
const stores: CacheStore[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await redis.stop();
});

const settings = { prefix: "test:", ttlSeconds: 60, maxEntries: 1000, timeoutMs: 2000 };

async function open(url: string, warn = (..._line: unknown[]): void => undefined): Promise<CacheStore> {
  const store = await openStore({ ...settings, url: new Secret(url) }, { ...silentLogger, warn });
  stores.push(store);
  return store;
}

/** Waits until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 500) throw new Error("it never came");
    await sleep(10);
  }
}

/** A loader that counts its calls and can be held up. */
function loader() {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const state = {
    calls: 0,
    release,
    load: async () => {
      state.calls++;
      await gate;
      return `value ${state.calls}`;
    },
  };
  return state;
}

describe.each(["memory://", "redis"])("a cache on %s", (kind) => {
  let cache: Cache;
  beforeAll(async () => {
    cache = new Cache(await open(kind === "redis" ? redis.url : kind));
  });

  it.each([
    { ttlSeconds: Number.POSITIVE_INFINITY },
    { ttlSeconds: Number.NaN },
    { ttlSeconds: -1 },
    { staleSeconds: Number.NaN },
    { staleSeconds: -1 },
    { jitter: 2 },
    { ttl: 5 } as object,
  ])("refuses %o, and goes on", async (options) => {
    const [option] = Object.keys(options);
    const named = expect.objectContaining({
      name: "ConfigurationError",
      message: expect.stringContaining(`'${option}'`),
    });
    let calls = 0;
    await expect(cache.getOrSet("odd", options, () => ++calls)).rejects.toEqual(named);
    await expect(cache.set("odd", 1, options)).rejects.toEqual(named);
    expect(calls).toBe(0);
    await cache.set("even", 1);
    expect(await cache.get("even")).toBe(1);
  });

  it("loads what is not there once, and answers it from then on", async () => {
    let calls = 0;
    const load = () => ({ at: new Date(0), bytes: new Uint8Array([1]), calls: ++calls });
    const first = await cache.getOrSet("once", {}, load);
    expect(await cache.getOrSet("once", {}, load)).toEqual(first);
    expect(calls).toBe(1);
  });

  it("lets one of many callers load while the others wait", async () => {
    const slow = loader();
    const all = Array.from({ length: 20 }, () => cache.getOrSet("stampede", {}, slow.load));
    await until(() => slow.calls > 0);
    slow.release();
    expect(new Set(await Promise.all(all))).toEqual(new Set(["value 1"]));
    expect(slow.calls).toBe(1);
  });

  it("gives what the loader throws to all who wait, and keeps it not", async () => {
    const fail = () => Promise.reject(new Error("no"));
    const all = await Promise.allSettled([
      cache.getOrSet("fails", {}, fail),
      cache.getOrSet("fails", {}, fail),
    ]);
    expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await cache.getOrSet("fails", {}, () => "yes")).toBe("yes");
  });

  it("loads anew when the time is over", async () => {
    await cache.set("short", "old", { ttlSeconds: 0.02 });
    await until(async () => (await cache.get("short")) === undefined);
    expect(await cache.getOrSet("short", {}, () => "new")).toBe("new");
  });

  it("answers a stale entry at once while one caller loads it anew", async () => {
    await cache.set("stale", "old", { ttlSeconds: 0.01, staleSeconds: 60, jitter: 0 });
    await sleep(20);
    const slow = loader();
    const options = { staleSeconds: 60 };
    const answers = await Promise.all([1, 2, 3].map(() => cache.getOrSet("stale", options, slow.load)));
    expect(answers).toEqual(["old", "old", "old"]);
    slow.release();
    await until(async () => (await cache.get("stale")) === "value 1");
    expect(slow.calls).toBe(1);
  });

  it("keeps a stale entry when it cannot be loaded anew", async () => {
    await cache.set("kept", "old", { ttlSeconds: 0.01, staleSeconds: 60, jitter: 0 });
    await sleep(20);
    const fail = () => Promise.reject(new Error("no"));
    expect(await cache.getOrSet("kept", {}, fail)).toBe("old");
    await sleep(20);
    expect(await cache.getOrSet("kept", {}, fail)).toBe("old");
  });

  it("ends every entry of a tag, and no other", async () => {
    await cache.set("a", 1, { tags: ["x", "y"] });
    await cache.set("b", 2, { tags: ["y"] });
    expect(await cache.get("a")).toBe(1);
    expect(await cache.invalidateTag("x")).toBe(true);
    expect(await cache.get("a")).toBeUndefined();
    expect(await cache.get("b")).toBe(2);
  });

  it("keeps no value whose tag ended while it was loaded", async () => {
    const slow = loader();
    const loading = cache.getOrSet("meanwhile", { tags: ["z"] }, slow.load);
    await until(() => slow.calls > 0);
    await cache.invalidateTag("z");
    slow.release();
    expect(await loading).toBe("value 1");
    expect(await cache.get("meanwhile")).toBeUndefined();
  });

  it.each([
    ["its tag is ended", (key: string) => cache.invalidateTag(`tag of ${key}`)],
    ["it is deleted", (key: string) => cache.delete(key)],
    ["it is set", (key: string) => cache.set(key, "new")],
  ])("who comes after %s never gets what was being loaded then", async (what, end) => {
    const key = `while ${what}`;
    const options = { tags: [`tag of ${key}`] };
    const slow = loader();
    const before = cache.getOrSet(key, options, slow.load);
    await until(() => slow.calls > 0);
    await end(key);
    const after = cache.getOrSet(key, options, () => "new");
    await sleep(60);
    slow.release();
    expect([await before, await after]).toEqual(["value 1", "new"]);
    expect(await cache.get(key)).toBe("new");
  });

  it("forgets what is deleted", async () => {
    await cache.set("gone", 1);
    expect(await cache.delete("gone")).toBe(true);
    expect(await cache.get("gone")).toBeUndefined();
  });

  it("refuses a value that cannot be kept", async () => {
    await expect(cache.set("function", () => 1)).rejects.toThrow(/clone/);
  });
});

it("on Redis one caller of all processes loads, and the others get its value", async () => {
  const [one, other] = [new Cache(await open(redis.url)), new Cache(await open(redis.url))];
  const slow = loader();
  const all = [one, other, one, other].map((cache) => cache.getOrSet("across", {}, slow.load));
  await until(() => slow.calls > 0);
  await sleep(60);
  slow.release();
  expect(new Set(await Promise.all(all))).toEqual(new Set(["value 1"]));
  expect(slow.calls).toBe(1);
});

it("on Redis what another process deletes or sets while it is loaded is not kept", async () => {
  const [one, other] = [new Cache(await open(redis.url)), new Cache(await open(redis.url))];
  const slow = loader();
  const loading = [one.getOrSet("far 1", {}, slow.load), one.getOrSet("far 2", {}, slow.load)];
  await until(() => slow.calls === 2);
  await other.delete("far 1");
  await other.set("far 2", "new");
  slow.release();
  await Promise.all(loading);
  expect([await one.get("far 1"), await one.get("far 2")]).toEqual([undefined, "new"]);
});

it("a command that Redis refuses costs no other one", async () => {
  const own = await startRedis();
  const warnings: unknown[] = [];
  const cache = new Cache(await open(own.url, (...line) => void warnings.push(line)));
  await cache.set("kept", 1);
  expect(await cache.delete()).toBe(true);
  expect(await cache.get("kept")).toBe(1);
  const redis = new Redis(own.url);
  await redis.config("SET", "maxmemory", "1");
  await cache.set("refused", 2);
  await cache.set("refused too", 2);
  expect([await cache.get("refused"), await cache.get("kept")]).toEqual([undefined, 1]);
  const reason = expect.stringContaining("OOM command not allowed");
  expect(warnings).toEqual([[{ reason }, "the cache's Redis refused a command"]]);
  await redis.quit();
  await own.stop();
});

it.each([0, 60])(
  "a caller that gets the lock behind another takes what that one loaded, %s s after its end",
  async (staleSeconds) => {
    const [one, held] = [await open(redis.url), await open(redis.url)];
    const add = held.add.bind(held);
    const gate = loader();
    held.add = async (...given) => {
      await gate.load();
      return add(...given);
    };
    let calls = 0;
    const load = () => ++calls;
    const key = `behind ${staleSeconds}`;
    const cache = new Cache(one);
    if (staleSeconds > 0) await cache.set(key, "old", { ttlSeconds: 0, staleSeconds });
    const late = new Cache(held).getOrSet(key, { staleSeconds }, load);
    await until(() => gate.calls > 0);
    await until(async () => (await cache.getOrSet(key, { staleSeconds }, load)) === 1);
    gate.release();
    expect(await late).toBe(staleSeconds > 0 ? "old" : 1);
    await sleep(100);
    expect(calls).toBe(1);
  },
);

it("a lock that could not be given back holds nobody for long", async () => {
  const [one, other] = [await open(redis.url), await open(redis.url)];
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on("warning", note);
  const removeIf = one.removeIf.bind(one);
  let refusals = 12;
  one.removeIf = async (...given) => {
    if (refusals-- > 0) throw new Error("away");
    return removeIf(...given);
  };
  const fail = () => Promise.reject(new Error("no"));
  const cache = new Cache(one);
  const keys = ["locked", ...Array.from({ length: 11 }, (_, index) => `locked ${index}`)];
  for (const key of keys) await expect(cache.getOrSet(key, {}, fail)).rejects.toThrow("no");
  const startedAt = performance.now();
  expect(await new Cache(other).getOrSet("locked", {}, () => "loaded")).toBe("loaded");
  expect(performance.now() - startedAt).toBeLessThan(5000);
  process.off("warning", note);
  expect(warnings).toEqual([]);
});

it("a cache that is closed gives no lock back", async () => {
  const store = await open(redis.url);
  let asked = 0;
  store.removeIf = async () => {
    asked++;
    throw new Error("away");
  };
  const cache = new Cache(store);
  expect(await cache.getOrSet("closing", {}, () => 1)).toBe(1);
  await cache.close();
  await sleep(1500);
  expect(asked).toBe(1);
});

it("in memory a new entry is never the one that goes", async () => {
  const cache = new Cache(await openStore({ ...settings, maxEntries: 2, url: undefined }));
  for (const key of ["a", "b"]) await cache.set(key, key);
  for (const key of ["a", "b"]) await cache.get(key);
  await cache.set("c", "c");
  expect(await cache.get("c")).toBe("c");
});

it("in memory the entries that were not read go first when there are too many", async () => {
  const cache = new Cache(await openStore({ ...settings, maxEntries: 3, url: undefined }));
  for (const key of ["a", "b", "c"]) await cache.set(key, key);
  await cache.get("a");
  await cache.set("d", "d");
  expect(await cache.get("a")).toBe("a");
  expect(await cache.get("b")).toBeUndefined();
});

it("entries of one time to live do not all end together", async () => {
  const ends: number[] = [];
  const store = {
    ...(await open("memory://")),
    type: "spy",
    add: async () => true,
    removeIf: async () => {},
  };
  const write = async (_key: string, _value: unknown, ttlMs: number) => void ends.push(ttlMs);
  const cache = new Cache({ ...store, write } as unknown as CacheStore);
  for (let number = 0; number < 50; number++) await cache.set(`${number}`, 1, { ttlSeconds: 100 });
  expect(Math.max(...ends)).toBeLessThanOrEqual(100_000);
  expect(Math.min(...ends)).toBeGreaterThanOrEqual(90_000);
  expect(new Set(ends).size).toBeGreaterThan(10);
});

it("a dead Redis costs a miss and no error, and is used again when it is back", async () => {
  const own = await startRedis();
  const app = Fastify();
  const cache = await addCache(app, { env: { REDIS_URL: own.url, CACHE_TIMEOUT_MS: "300" } });
  await cache.set("key", "kept");
  await own.stop();
  let calls = 0;
  const load = async () => `loaded ${++calls}`;
  expect(await cache.getOrSet("key", {}, load)).toBe("loaded 1");
  expect(await cache.getOrSet("key", {}, load)).toBe("loaded 2");
  expect(await cache.delete("key")).toBe(false);
  expect((await app.inject("/_health/cache")).statusCode).toBe(503);
  const ready = await app.inject("/readyz");
  expect([ready.statusCode, ready.json().status]).toEqual([200, "degraded"]);
  const again = await startRedis({ port: own.port });
  await until(async () => {
    await cache.set("key", "back");
    return (await cache.get("key")) === "back";
  });
  await app.close();
  await again.stop();
});

describe("addCache", () => {
  it("is in memory when nothing is set, joins health and closes", async () => {
    const app = Fastify();
    const cache = await addCache(app, { env: {} });
    expect(getCache(app)).toBe(cache);
    expect((await app.inject("/_health/cache")).json()).toMatchObject({ status: "ok", store: "memory" });
    await app.close();
  });

  it("takes CACHE_URL before REDIS_URL", async () => {
    const app = Fastify();
    const cache = await addCache(app, { env: { CACHE_URL: "memory://", REDIS_URL: redis.url } });
    expect(cache.store.type).toBe("memory");
  });

  it("one error names everything that is set to nonsense, without the secret", async () => {
    const env = { CACHE_TTL_SECONDS: "soon", CACHE_MAX_ENTRIES: "0", CACHE_TIMEOUT_MS: "x" };
    await expect(addCache(Fastify(), { env })).rejects.toMatchObject({
      variables: ["CACHE_TTL_SECONDS", "CACHE_MAX_ENTRIES", "CACHE_TIMEOUT_MS"],
    });
    const wrong = addCache(Fastify(), { env: { CACHE_URL: "ftp://user:s3cret@host" } });
    await expect(wrong).rejects.toThrow(/CACHE_URL/);
    await expect(wrong).rejects.not.toThrow(/s3cret/);
  });

  it("getCache tells what to call when there is none", () => {
    expect(() => getCache(Fastify())).toThrow("addCache(app)");
  });
});
