import { defineJob, easyJobs, type Jobs } from "svc-infra/jobs";
import { afterEach, beforeEach, expect, it } from "vitest";
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
