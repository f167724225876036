import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { defineJob, easyJobs, type Jobs } from "svc-infra/jobs";
import { easySqlDb, type SqlDb } from "svc-infra/sql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";

const soon = { timeout: 60_000, interval: 10 };
const table = `create table svc_infra_outbox (id uuid primary key, position bigserial not null, key text,
  job jsonb not null, created_at timestamptz not null default now())`;

describe.each(["memory", "postgres"] as const)("the outbox before jobs in %s", (driver) => {
  let rig: PostgresRig;
  let sql: SqlDb;
  let jobs: Jobs;
  let seen: number[] = [];
  let isBroken = false;
  const job = defineJob("noted", z.number(), (payload) => {
    if (isBroken) throw new Error("not now");
    seen.push(payload);
  });

  const open = async () => {
    jobs = await easyJobs(
      { driver, sql, jobs: [job], concurrency: 1, outboxPollMs: 20, queue: `q-${randomUUID()}` },
      { env: {} },
    );
  };
  const rows = async () => Object((await sql.db.execute("select id from svc_infra_outbox")) ?? {}).rows;

  beforeAll(async () => {
    rig = await startPostgres();
    sql = await easySqlDb({ url: rig.url }, { env: {} });
    await sql.db.execute(table);
  });
  beforeEach(async () => {
    seen = [];
    isBroken = false;
    await open();
  });
  afterEach(() => jobs.close());
  afterAll(async () => {
    await sql.close();
    await rig.stop();
  });

  it("brings the jobs of committed transactions into the queue, those of one key in their order", async () => {
    const numbers = [...Array(50).keys()];
    for (const number of numbers) {
      await sql.db.transaction(
        async (tx) => void (await jobs.queue.enqueueIn(tx, job, number, { key: "k" })),
      );
    }
    await expect.poll(() => seen, soon).toEqual(numbers);
    await expect.poll(rows, soon).toEqual([]);
  });

  it("never runs the job of a transaction that was rolled back", async () => {
    const rolledBack = sql.db.transaction(async (tx) => {
      await jobs.queue.enqueueIn(tx, job, 1);
      await sleep(100);
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    await sql.db.transaction(async (tx) => void (await jobs.queue.enqueueIn(tx, job, 2)));
    await expect.poll(() => seen, soon).toEqual([2]);
  });

  it("refuses a payload that breaks its schema, before a row is written", async () => {
    const bad: unknown = "1";
    const enqueued = sql.db.transaction((tx) => jobs.queue.enqueueIn(tx, job, bad as number));
    await expect(enqueued).rejects.toMatchObject({ code: "job_payload_invalid" });
    expect(await rows()).toEqual([]);
  });

  it("keeps the row until a queue has the job that outlives the process", async () => {
    isBroken = true;
    const backoff = { type: "fixed", delayMs: 600_000 } as const;
    await sql.db.transaction(async (tx) => void (await jobs.queue.enqueueIn(tx, job, 7, { backoff })));
    await expect.poll(async () => (await jobs.queue.list("delayed")).length, soon).toBe(1);
    if (driver === "postgres") return expect.poll(rows, soon).toEqual([]);
    expect(await rows()).toHaveLength(1);
    await jobs.close();
    isBroken = false;
    await open();
    await expect.poll(() => seen, soon).toEqual([7]);
    await expect.poll(rows, soon).toEqual([]);
    return undefined;
  });
});

describe("done jobs in postgres", () => {
  let rig: PostgresRig;
  let sql: SqlDb;
  const seen: string[] = [];
  const job = defineJob("noted", z.string(), (payload) => void seen.push(payload));
  const queueName = `q-${randomUUID()}`;
  const open = () =>
    easyJobs({ driver: "postgres", sql, jobs: [job], outboxPollMs: 20, queue: queueName }, { env: {} });
  const kept = async () =>
    Object(await sql.db.execute("select id from bullmq.job")).rows.map(({ id }: { id: string }) => id);

  beforeAll(async () => {
    rig = await startPostgres();
    sql = await easySqlDb({ url: rig.url }, { env: {} });
    await sql.db.execute(table);
  });
  afterAll(async () => {
    await sql.close();
    await rig.stop();
  });

  it("are kept for the outbox alone, which can relay a row again, and forgotten after some minutes", async () => {
    const jobs = await open();
    await jobs.queue.enqueue(job, "by hand");
    const id = await sql.db.transaction((tx) => jobs.queue.enqueueIn(tx, job, "relayed"));
    await expect.poll(() => [...seen].sort(), soon).toEqual(["by hand", "relayed"]);
    await expect.poll(kept, soon).toEqual([id]);
    const row = { name: "noted", payload: "relayed", attempts: 5, backoff: {}, delayMs: 0, priority: 0 };
    const again = `insert into svc_infra_outbox (id, job) values ('${id}', '${JSON.stringify(row)}')`;
    await sql.db.execute(again);
    await expect
      .poll(async () => Object(await sql.db.execute("select id from svc_infra_outbox")).rows, soon)
      .toEqual([]);
    await jobs.queue.enqueue(job, "after");
    await expect.poll(() => seen.filter((each) => each === "after"), soon).toHaveLength(1);
    expect(seen.filter((each) => each === "relayed")).toHaveLength(1);
    await jobs.close();
    await sql.db.execute("update bullmq.job set finished_at_ms = finished_at_ms - 600001");
    const later = await open();
    await expect.poll(kept, soon).toEqual([]);
    await later.close();
  });
});

it("without its table enqueueIn says what to run, and jobs are handled all the same", async () => {
  const rig = await startPostgres();
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  const seen: number[] = [];
  const lines: string[] = [];
  const hear = (facts: object | string) =>
    void lines.push(typeof facts === "string" ? facts : JSON.stringify(facts));
  const log = { debug: hear, info: hear, warn: hear, error: hear };
  const job = defineJob("noted", z.number(), (payload) => void seen.push(payload));
  const jobs = await easyJobs({ driver: "memory", sql, jobs: [job], outboxPollMs: 5 }, { env: {}, log });
  try {
    const enqueued = sql.db.transaction((tx) => jobs.queue.enqueueIn(tx, job, 1));
    await expect(enqueued).rejects.toMatchObject({
      code: "outbox_missing",
      message: expect.stringContaining("set JOBS_DRIVER, then run 'svc-infra db generate'"),
    });
    await jobs.queue.enqueue(job, 2);
    await expect.poll(() => seen, soon).toEqual([2]);
    await expect.poll(() => lines.filter((line) => line.startsWith("there is no outbox"))).toHaveLength(1);
  } finally {
    await jobs.close();
    await sql.close();
    await rig.stop();
  }
});
