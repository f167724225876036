import { setTimeout as sleep } from "node:timers/promises";
import { eq, inArray, notInArray, sql as statement } from "drizzle-orm";
import type { Logger } from "../../kernel/index.js";
import type { Database, SqlDb } from "../../sql/index.js";
import type { RelayedWork } from "../define-job.js";
import type { JobDriver, NewJob } from "../job-driver.js";
import { JobError } from "../job-error.js";
import { outbox } from "./outbox-table.js";

/** "outb" in ASCII: the advisory lock of the one process that relays. */
const relayLock = 0x6f757462;
const batchSize = 200;
/** Milliseconds after which a row that was just written is looked for, as most transactions are short. */
const soonMs = 15;
/** Milliseconds between two times when the queue forgets the relayed jobs that are long done. */
const forgetEveryMs = 60_000;

const advice =
  "enqueueIn needs the table svc_infra_outbox; set JOBS_DRIVER, then run 'svc-infra db generate' and 'svc-infra db migrate'";

/** SQLSTATE 42P01: there is no such table. The driver's error is the cause of Drizzle's. */
function isMissing(error: unknown): boolean {
  const { code, cause } = Object(error);
  return code === "42P01" || Object(cause).code === "42P01";
}

type OutboxRow = typeof outbox.$inferSelect;

/** Rows that transactions write, and the relay that brings them into the queue in their order. */
export class Outbox {
  readonly #sql: SqlDb;
  readonly #driver: JobDriver;
  readonly #pollMs: number;
  readonly #log: Logger;
  readonly #relayed: ReadonlyMap<string, RelayedWork>;
  readonly #stopping = new AbortController();
  /** Rows that the memory driver has and whose handler has not ended. */
  readonly #unfinished = new Set<string>();
  #forgetAtMs = 0;
  #wake = new AbortController();
  #relaying: Promise<void> = Promise.resolve();

  constructor(
    sql: SqlDb,
    driver: JobDriver,
    pollMs: number,
    log: Logger,
    relayed: ReadonlyMap<string, RelayedWork>,
  ) {
    this.#sql = sql;
    this.#driver = driver;
    this.#pollMs = pollMs;
    this.#log = log;
    this.#relayed = relayed;
  }

  /** Writes a row within the caller's transaction. */
  async write(tx: Database, { id, ...job }: NewJob, key?: string): Promise<string> {
    try {
      await tx.insert(outbox).values({ id, job, key });
    } catch (cause) {
      throw isMissing(cause) ? new JobError("outbox_missing", advice, { cause }) : cause;
    }
    setTimeout(() => this.#wake.abort(), soonMs).unref();
    return id;
  }

  /** Begins to relay, until `stop`. */
  start(): void {
    this.#relaying = this.#relay();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#relaying;
  }

  async #relay(): Promise<void> {
    let hasFailed = false;
    while (!this.#stopping.signal.aborted) {
      try {
        if ((await this.#relayBatch()) === batchSize) continue;
        await this.#forgetDone();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) this.#tell(error);
        hasFailed = true;
      }
      this.#wake = new AbortController();
      const signal = AbortSignal.any([this.#wake.signal, this.#stopping.signal]);
      await sleep(this.#pollMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #forgetDone(): Promise<void> {
    if (performance.now() < this.#forgetAtMs) return;
    this.#forgetAtMs = performance.now() + forgetEveryMs;
    await this.#driver.forgetDone?.();
  }

  /** Without `enqueueIn` no application needs the table. */
  #tell(error: unknown): void {
    if (isMissing(error)) this.#log.info(`there is no outbox: ${advice}`);
    else this.#log.warn({ err: error }, "jobs in the outbox could not be moved to the queue; retrying");
  }

  /** A row is removed after its job was added, so that a crash in between adds the job again under the same id. */
  async #relayBatch(): Promise<number> {
    const afterwards: (() => void)[] = [];
    const count = await this.#sql.db.transaction(async (tx) => {
      const rows = await this.#next(tx);
      const done = await this.#doRelayed(tx, rows, afterwards);
      for (const row of rows) if (!done.has(row.id) && (await this.#enqueue(row))) done.add(row.id);
      if (done.size > 0) await tx.delete(outbox).where(inArray(outbox.id, [...done]));
      return rows.length;
    });
    for (const each of afterwards) each();
    return count;
  }

  /** The oldest rows; none while another process relays. */
  async #next(tx: Database): Promise<readonly OutboxRow[]> {
    const lock = await tx.execute(statement`select pg_try_advisory_xact_lock(${relayLock}) as held`);
    if (Object(lock).rows[0]?.held !== true) return [];
    const skipped = [...this.#unfinished];
    return tx
      .select()
      .from(outbox)
      .where(skipped.length === 0 ? undefined : notInArray(outbox.id, skipped))
      .orderBy(outbox.position)
      .limit(batchSize);
  }

  /** Resolves to whether the queue keeps it, so that the row can go. */
  async #enqueue({ id, job }: OutboxRow): Promise<boolean> {
    await this.#driver.add({ id, ...job, isRelayed: true });
    if (this.#driver.whenDone === undefined) return true;
    this.#removeWhenDone(id);
    return false;
  }

  /** Does what needs no queue. What fails is left to the queue, so that it keeps no other row waiting. */
  async #doRelayed(
    tx: Database,
    rows: readonly OutboxRow[],
    afterwards: (() => void)[],
  ): Promise<Set<string>> {
    const done = new Set<string>();
    for (const [name, work] of this.#relayed) {
      const own = rows.filter(({ job }) => job.name === name);
      if (own.length === 0) continue;
      try {
        const jobs = own.map(({ job }) => job);
        afterwards.push(await tx.transaction((inner) => work(jobs, inner)));
        for (const { id } of own) done.add(id);
      } catch (error) {
        this.#log.warn({ err: error, job: name }, "jobs that need no queue failed, and are queued");
      }
    }
    return done;
  }

  #removeWhenDone(id: string): void {
    this.#unfinished.add(id);
    const remove = async () => {
      await this.#driver.whenDone?.(id);
      await this.#sql.db.delete(outbox).where(eq(outbox.id, id));
      this.#unfinished.delete(id);
    };
    remove().catch((error: unknown) =>
      this.#log.warn({ err: error, job: id }, "a finished job stays in the outbox and will run again"),
    );
  }
}
