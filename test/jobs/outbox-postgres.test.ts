import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql as text } from "drizzle-orm";
import { defineJob, easyJobs, type JobDefinition, type Jobs } from "svc-infra/jobs";
import { easySqlDb, type SqlDb } from "svc-infra/sql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { outboxTable } from "./outbox-table.js";

const soon = { timeout: 60_000, interval: 10 };

describe.each([
  ["memory", "PostgreSQL"],
  ["memory", "an embedded folder"],
  ["postgres", "PostgreSQL"],
] as const)("the outbox before jobs in %s, kept in %s", (driver, database) => {
  let rig: PostgresRig | undefined;
  let folder: string;
  let sql: SqlDb;
  let jobs: Jobs;
  let seen: number[] = [];
  let isBroken = false;
  const job = defineJob("noted", z.number(), (payload) => {
    if (isBroken) throw new Error("not now");
    seen.push(payload);
  });
  const refusedPayload = -1;
  let relays: { payloads: unknown[]; delayed: unknown[] }[] = [];
  /** Done by the relay itself, for several rows at once; notes what the queue has by then. */
  const relayed: JobDefinition<number> = {
    ...defineJob("relayed", z.number(), () => undefined),
    relay: {
      problemOf: ({ payload }) => (payload === refusedPayload ? new Error("of a newer version") : undefined),
      run: async (rows) => {
        const delayed = (await jobs.queue.list("delayed")).map(({ payload }) => payload);
        relays.push({ payloads: rows.map(({ payload }) => payload), delayed: delayed.sort() });
        return () => undefined;
      },
    },
  };

  const openDatabase = async () => {
    sql = await easySqlDb({ url: rig?.url ?? `pglite:${join(folder, "pg")}` }, { env: {} });
  };
  const open = async () => {
    jobs = await easyJobs(
      { driver, sql, jobs: [job, relayed], concurrency: 1, outboxPollMs: 20, queue: `q-${randomUUID()}` },
      { env: {} },
    );
  };
  const rows = async () => Object((await sql.db.execute("select id from svc_infra_outbox")) ?? {}).rows;
  const enqueue = (number: number, key: string, kind: JobDefinition<number> = job) =>
    sql.db.transaction((tx) => jobs.queue.enqueueIn(tx, kind, number, { key }));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "svc-infra-outbox-"));
    if (database === "PostgreSQL") rig = await startPostgres();
    await openDatabase();
    await sql.db.execute(outboxTable);
  });
  beforeEach(async () => {
    seen = [];
    relays = [];
    isBroken = false;
    await open();
  });
  afterEach(async () => {
    await jobs.close();
    await sql.db.execute("delete from svc_infra_outbox");
  });
  afterAll(async () => {
    await sql.close();
    await rig?.stop();
    rmSync(folder, { recursive: true });
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
    await sql.close();
    isBroken = false;
    await openDatabase();
    await open();
    await expect.poll(() => seen, soon).toEqual([7]);
    await expect.poll(rows, soon).toEqual([]);
    return undefined;
  });

  it("keeps the order of a key also where some of its jobs are done by the relay itself", async () => {
    const kinds = [job, relayed, relayed, job, relayed];
    await sql.db.transaction(async (tx) => {
      for (const [number, kind] of kinds.entries()) {
        await jobs.queue.enqueueIn(tx, kind, number, { key: "k", delayMs: kind === job ? 600_000 : 0 });
      }
    });
    await expect
      .poll(() => relays, soon)
      .toEqual([
        { payloads: [1, 2], delayed: [0] },
        { payloads: [4], delayed: [0, 3] },
      ]);
  });

  it("does the earlier rows of a key before the one that the relay refuses, and holds back the later ones", async () => {
    await sql.db.transaction(async (tx) => {
      for (const number of [1, 2, refusedPayload, 3, refusedPayload]) {
        await jobs.queue.enqueueIn(tx, relayed, number, { key: "k" });
      }
      await jobs.queue.enqueueIn(tx, relayed, 4, { key: "other" });
    });
    const left =
      "select job->'payload' as payload, failed_attempts as failed from svc_infra_outbox order by position";
    await expect
      .poll(async () => Object(await sql.db.execute(left)).rows, soon)
      .toEqual([
        { payload: refusedPayload, failed: 1 },
        { payload: 3, failed: 0 },
        { payload: refusedPayload, failed: 0 },
      ]);
    expect(relays.map(({ payloads }) => payloads)).toEqual([[1, 2, 4]]);
  });

  describe("with a row that the queue refuses", () => {
    /** What the memory driver would take is refused for its form; the jitter is refused by BullMQ. */
    const poison = {
      name: "noted",
      payload: 13,
      ...(driver === "memory"
        ? {}
        : { attempts: 5, backoff: { type: "fixed", delayMs: 1, jitter: 7 }, delayMs: 0, priority: 0 }),
    };
    const write = async (key: string | null) => {
      const id = randomUUID();
      await sql.db.execute(
        text`insert into svc_infra_outbox (id, key, job) values (${id}, ${key}, ${JSON.stringify(poison)}::jsonb)`,
      );
      return id;
    };
    const attemptsOf = async (id: string): Promise<number> => {
      const found = await sql.db.execute(
        text`select failed_attempts as n from svc_infra_outbox where id = ${id}`,
      );
      return Object(found).rows[0]?.n;
    };
    /** Lets the delay before the next attempt pass. */
    const hurry = () =>
      sql.db.execute("update svc_infra_outbox set retry_at = now() where retry_at is not null");

    it("holds back its key alone, and the key goes on when the row is dead", async () => {
      const id = await write("bad");
      await enqueue(1, "bad");
      await enqueue(2, "good");
      await enqueue(3, "bad");
      await enqueue(4, "good");
      await expect.poll(() => seen, soon).toEqual([2, 4]);
      expect(await attemptsOf(id)).toBeGreaterThanOrEqual(1);
      expect(await jobs.queue.list("dead")).toEqual([]);
      await sql.db.execute(text`update svc_infra_outbox set failed_attempts = 14 where id = ${id}`);
      await hurry();
      await expect.poll(() => seen, soon).toEqual([2, 4, 1, 3]);
      const dead = {
        id,
        name: "noted",
        payload: 13,
        state: "dead",
        failedAttempts: 15,
        error: expect.stringContaining("the queue refused it: "),
      };
      expect(await jobs.queue.list("dead")).toMatchObject([dead]);
      await expect.poll(rows, soon).toEqual([{ id }]);
    });

    it("tries it again later, and it is relayed once it is mended", async () => {
      const id = await write(null);
      await expect.poll(() => attemptsOf(id), soon).toBe(1);
      await hurry();
      await expect.poll(() => attemptsOf(id), soon).toBe(2);
      const mended = { ...poison, attempts: 1, backoff: { type: "fixed", delayMs: 1, jitter: 0 } };
      const whole = JSON.stringify({ ...mended, delayMs: 0, priority: 0 });
      await sql.db.execute(text`update svc_infra_outbox set job = ${whole}::jsonb where id = ${id}`);
      await hurry();
      await expect.poll(() => seen, soon).toEqual([13]);
      await expect.poll(rows, soon).toEqual([]);
    });

    it("lets it be retried and purged when it is dead", async () => {
      const id = await write("bad");
      const die = async () => {
        await expect.poll(() => attemptsOf(id), soon).toBe(1);
        await sql.db.execute(text`update svc_infra_outbox set failed_attempts = 14 where id = ${id}`);
        await hurry();
        await expect.poll(() => jobs.queue.list("dead"), soon).toHaveLength(1);
      };
      await die();
      expect(await jobs.queue.retry()).toBe(1);
      await die();
      expect(await jobs.queue.purge(id)).toBe(1);
      expect(await jobs.queue.purge(id)).toBe(0);
      expect(await rows()).toEqual([]);
    });
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
    await sql.db.execute(outboxTable);
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

describe("the relay between its batches", () => {
  let rig: PostgresRig;
  let sql: SqlDb;
  let act: () => Promise<void> = async () => undefined;
  const relayed: JobDefinition<number> = {
    ...defineJob("relayed", z.number(), () => undefined),
    relay: {
      problemOf: () => undefined,
      run: async () => {
        await act();
        return () => undefined;
      },
    },
  };
  const open = async (outboxPollMs: number) => {
    const jobs = await easyJobs({ driver: "memory", sql, jobs: [relayed], outboxPollMs }, { env: {} });
    onTestFinished(() => jobs.close());
    return jobs;
  };

  beforeAll(async () => {
    rig = await startPostgres();
    sql = await easySqlDb({ url: rig.url }, { env: {} });
    await sql.db.execute(outboxTable);
  });
  afterAll(async () => {
    await sql.close();
    await rig.stop();
  });

  it("does not pause when a row was written during the batch", async () => {
    let batches = 0;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    act = async () => {
      batches += 1;
      if (batches === 1) await held;
    };
    const { queue } = await open(2 ** 31 - 1);
    await queue.enqueueIn(sql.db, relayed, 1);
    await expect.poll(() => batches, soon).toBe(1);
    await queue.enqueueIn(sql.db, relayed, 2);
    // The call that wakes the relay comes a little after the row.
    await sleep(100);
    release();
    await expect.poll(() => batches, soon).toBe(2);
  });
});

it("closing does not wait for a database that does not answer the relay", async () => {
  const rig = await startPostgres();
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  await sql.db.execute(outboxTable);
  const settings = { driver: "memory", sql, shutdownTimeoutMs: 200, outboxPollMs: 5 } as const;
  const jobs = await easyJobs(settings, { env: {} });
  const waits = "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'";
  let closeMs = 0;
  await sql.db.transaction(async (tx) => {
    await tx.execute("lock table svc_infra_outbox");
    await expect.poll(async () => Object(await tx.execute(waits)).rows[0].n, soon).toBe(1);
    const from = performance.now();
    await jobs.close();
    closeMs = performance.now() - from;
  });
  expect(closeMs).toBeLessThan(10_000);
  await sql.close();
  await rig.stop();
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
      message: expect.stringContaining("set SQL_URL or JOBS_DRIVER, then run 'svc-infra db generate'"),
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

it("a table of an older version, in which jobs wait, is a warning that says what to run", async () => {
  const sql = await easySqlDb({ url: "pglite:memory" }, { env: {} });
  await sql.db.execute(
    "create table svc_infra_outbox (id uuid primary key, position bigserial, key text, job jsonb)",
  );
  const warnings: unknown[] = [];
  const log = {
    debug: () => {},
    info: () => {},
    warn: (facts: unknown) => warnings.push(facts),
    error: () => {},
  };
  const jobs = await easyJobs({ driver: "memory", sql, outboxPollMs: 5 }, { env: {}, log });
  try {
    await expect
      .poll(() => warnings, soon)
      .toEqual([expect.stringMatching(/^jobs in the outbox wait: .*db migrate/)]);
  } finally {
    await jobs.close();
    await sql.close();
  }
});
