import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { easyJobs } from "svc-infra/jobs";
import { silentLogger } from "svc-infra/kernel";
import { easySqlDb } from "svc-infra/sql";
import { expect, it, onTestFinished } from "vitest";
import { CommandLine } from "../cli/command-line.js";
import { startPostgres } from "../rigs/postgres.js";
import { startRedis } from "../rigs/redis.js";
import { noted } from "./noted-jobs.js";

it("a move to Redis warns of the jobs that wait in PostgreSQL, and jobs run with JOBS_DRIVER=postgres does them", async () => {
  const [postgres, redis, commands] = [await startPostgres(), await startRedis(), new CommandLine()];
  onTestFinished(async () => {
    commands.dispose();
    await postgres.stop();
    await redis.stop();
  });
  const sql = await easySqlDb({ url: postgres.url }, { env: {} });
  const queue = `q-${randomUUID()}`;
  const before = await easyJobs({ sql, queue }, { env: {} });
  await before.queue.enqueue(noted, 1);
  await before.queue.enqueue(noted, 2, { delayMs: 1000 });
  await before.scheduler.cron("0 3 1 1 *", noted, 3);

  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (...line: unknown[]) => void warnings.push(line.at(-1)) };
  const moved = await easyJobs({ sql, queue, redisUrl: redis.url }, { env: {}, log });
  expect(moved.queue.driver).toBe("redis");
  await expect
    .poll(() => warnings)
    .toEqual([expect.stringMatching(/^2 jobs wait in PostgreSQL.*JOBS_DRIVER/)]);

  const env = {
    SQL_URL: postgres.url,
    REDIS_URL: redis.url,
    JOBS_QUEUE_PREFIX: queue,
    JOBS_DRIVER: "postgres",
  };
  commands.start(["jobs", "run", "--registry", resolve("test/jobs/noted-jobs.js")], env);
  const left = async () => [
    (await before.queue.list("waiting")).map(({ payload }) => payload),
    (await before.queue.list("delayed")).map(({ payload }) => payload),
  ];
  await expect.poll(left, { timeout: 30_000 }).toEqual([[], [3]]);
  await moved.close();
  await before.close();
  await sql.close();
});
