import { defineJob, easyJobs, type Jobs } from "svc-infra/jobs";
import { easySqlDb, type SqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";

const soon = { timeout: 60_000, interval: 10 };
let rig: PostgresRig;
let sql: SqlDb;

beforeAll(async () => {
  // The server looks once, when a statement has waited for this long, and undoes that one: the worker's, as the test waits for an hour.
  rig = await startPostgres({ settings: { deadlock_timeout: "5s" } });
  sql = await easySqlDb({ url: rig.url }, { env: {} });
});
afterAll(async () => {
  await sql.close();
  await rig.stop();
});

async function deadlocks(): Promise<number> {
  const query = "select deadlocks::int as count from pg_stat_database where datname = current_database()";
  return Object(await sql.db.execute(query)).rows[0].count;
}

/**
 * Makes the statement that ends a job meet a deadlock: it has the job's row and wants to write an event; the test has the
 * events and wants the job's row.
 */
async function runInDeadlock(jobs: Jobs, enqueue: () => Promise<string>, release: () => void): Promise<void> {
  await sql.db.transaction(async (tx) => {
    await tx.execute("set local deadlock_timeout = '1h'");
    const id = await enqueue();
    await expect.poll(async () => (await jobs.queue.find(id))?.state, soon).toBe("active");
    await tx.execute("lock table bullmq.event in exclusive mode");
    release();
    const waiting = "select 1 from pg_locks where relation = 'bullmq.event'::regclass and not granted";
    await expect.poll(async () => Object(await sql.db.execute(waiting)).rows.length, soon).toBe(1);
    await tx.execute(`select id from bullmq.job where id = '${id}' for update`);
  });
}

it.each([
  ["has done its work", false],
  ["has failed", true],
])("a deadlock at the end of a job that %s costs it no attempt", async (_, fails) => {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let runs = 0;
  const job = defineJob("held", z.boolean(), async (isFailing) => {
    runs++;
    await released;
    if (isFailing && runs === 1) throw new Error("the first attempt fails");
  });
  const backoff = { type: "fixed", delayMs: 1, jitter: 0 } as const;
  const jobs = await easyJobs({ driver: "postgres", sql, jobs: [job], concurrency: 1 }, { env: {} });
  try {
    const before = await deadlocks();
    const attempts = fails ? 2 : 1;
    await runInDeadlock(jobs, () => jobs.queue.enqueue(job, fails, { attempts, backoff }), release);
    await expect.poll(deadlocks, soon).toBe(before + 1);
    const states = ["waiting", "active", "delayed"] as const;
    const left = async () => (await Promise.all(states.map((state) => jobs.queue.list(state)))).flat();
    await expect.poll(left, soon).toEqual([]);
    expect(await jobs.queue.list("dead")).toEqual([]);
    expect(runs).toBe(attempts);
  } finally {
    await jobs.close();
  }
});
