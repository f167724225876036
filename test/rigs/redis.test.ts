import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisRig, startRedis } from "./redis.js";

let rig: RedisRig;
let client: Redis;

beforeAll(async () => {
  rig = await startRedis();
  client = new Redis(rig.url, { lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
});
afterAll(async () => {
  client.disconnect();
  await rig.stop();
});

it("is Redis, evicts nothing and writes no file", async () => {
  expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  expect(await client.config("GET", "save")).toEqual(["save", ""]);
  expect(await client.config("GET", "appendonly")).toEqual(["appendonly", "no"]);
});

it("starts again on its port, with nothing kept", async () => {
  await client.set("key", "value");
  await rig.stop();
  await expect(client.get("key")).rejects.toThrow();
  rig = await startRedis({ port: rig.port });
  const other = new Redis(rig.url);
  expect(await other.get("key")).toBeNull();
  other.disconnect();
});
