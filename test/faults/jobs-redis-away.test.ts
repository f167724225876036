import { connect, createServer, type Socket } from "node:net";
import { defineJob, easyJobs, type Jobs } from "svc-infra/jobs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type RedisRig, startRedis } from "../rigs/redis.js";

const soon = { timeout: 60_000, interval: 50 };
let rig: RedisRig;
let jobs: Jobs;
let seen: string[];
const job = defineJob("noted", z.string(), (payload) => void seen.push(payload));

beforeEach(async () => {
  seen = [];
  rig = await startRedis();
  const settings = { redisUrl: rig.url, enqueueTimeoutMs: 1_000, shutdownTimeoutMs: 500 };
  jobs = await easyJobs({ ...settings, jobs: [job] }, { env: {} });
});
afterEach(async () => {
  await jobs.close();
  await rig.stop();
});

it("enqueue fails within its timeout while Redis is away, and works again when it is back", async () => {
  await jobs.queue.enqueue(job, "before");
  await expect.poll(() => seen, soon).toEqual(["before"]);
  await rig.stop();
  const from = Date.now();
  await expect(jobs.queue.enqueue(job, "lost")).rejects.toMatchObject({
    code: "jobs_unavailable",
    statusCode: 503,
  });
  await expect(jobs.ping()).rejects.toMatchObject({ code: "jobs_unavailable" });
  expect(Date.now() - from).toBeLessThan(5_000);
  rig = await startRedis({ port: rig.port });
  const enqueue = () => jobs.queue.enqueue(job, "after", { dedupKey: "once" }).then(() => true);
  await expect.poll(() => enqueue().catch(() => false), soon).toBe(true);
  await expect.poll(() => seen, soon).toContain("after");
});

it("closing ends in time while Redis is away", async () => {
  await rig.stop();
  const from = Date.now();
  await jobs.close();
  expect(Date.now() - from).toBeLessThan(10_000);
});

it("says which variable is wrong when Redis is away at the start", async () => {
  await rig.stop();
  const opened = easyJobs({ redisUrl: rig.url, enqueueTimeoutMs: 1_000 }, { env: {} });
  await expect(opened).rejects.toThrow("Redis does not answer (REDIS_URL)");
});

/** Passes connections on to a server until it is frozen: then it takes them and what they say, and never answers. */
async function startValve(port: number) {
  let isFrozen = false;
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.push(from);
      from.on("data", (piece) => void (isFrozen || to.write(piece)));
      from.on("error", () => undefined);
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `redis://127.0.0.1:${Object(server.address()).port}`,
    freeze: () => {
      isFrozen = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

describe("when Redis accepts connections but never answers", () => {
  it("enqueue and ping fail within their timeout, and closing ends", async () => {
    const valve = await startValve(rig.port);
    const settings = { redisUrl: valve.url, enqueueTimeoutMs: 1_000, shutdownTimeoutMs: 500 };
    const hanging = await easyJobs({ ...settings, jobs: [job] }, { env: {} });
    await hanging.queue.enqueue(job, "before");
    await expect.poll(() => seen, soon).toEqual(["before"]);
    valve.freeze();
    const from = performance.now();
    await expect(hanging.queue.enqueue(job, "lost")).rejects.toMatchObject({
      code: "jobs_unavailable",
      message: expect.stringContaining("did not answer within 1000 ms (JOBS_ENQUEUE_TIMEOUT_MS)"),
    });
    await expect(hanging.ping()).rejects.toMatchObject({ code: "jobs_unavailable" });
    await hanging.close();
    expect(performance.now() - from).toBeLessThan(15_000);
    await valve.stop();
  });

  it("the start fails within the same timeout", async () => {
    const valve = await startValve(rig.port);
    valve.freeze();
    const opened = easyJobs({ redisUrl: valve.url, enqueueTimeoutMs: 1_000 }, { env: {} });
    await expect(opened).rejects.toThrow(
      "Redis does not answer (REDIS_URL): no answer within 1000 ms (JOBS_ENQUEUE_TIMEOUT_MS)",
    );
    await valve.stop();
  });
});
