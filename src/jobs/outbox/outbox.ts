import { setTimeout as sleep } from "node:timers/promises";
import { sql as statement } from "drizzle-orm";
import { z } from "zod";
import type { Logger } from "../../kernel/index.js";
import type { Database, SqlDb } from "../../sql/index.js";
import type { RelayedWork } from "../define-job.js";
import type { JobDriver, JobInfo, NewJob } from "../job-driver.js";
import { JobError } from "../job-error.js";
import {
  deadRows,
  dueRows,
  eventJob,
  holdBack,
  isMissing,
  isOutdated,
  type OutboxRow,
  purgeRow,
  removeRows,
  retryRow,
} from "./outbox-rows.js";
import { outbox } from "./outbox-table.js";
import { partsInKeyOrder } from "./parts-in-key-order.js";

/** "outb" in ASCII: the advisory lock of the one process that relays. */
const relayLock = 0x6f757462;
const batchSize = 200;
/** Milliseconds after which a row that was just written is looked for, as most transactions are short. */
const soonMs = 15;
/** Milliseconds between two times when the queue forgets the relayed jobs that are long done. */
const forgetEveryMs = 60_000;

const advice =
  "enqueueIn needs the table svc_infra_outbox as it is in this version; set SQL_URL or JOBS_DRIVER, then run 'svc-infra db generate' and 'svc-infra db migrate'";

/** What a row must hold before a queue sees it; rows outlive the version that wrote them. */
const rowShape = z.looseObject({
  name: z.string().min(1),
  attempts: z.int().min(1),
  backoff: z.looseObject({}),
  delayMs: z.number().min(0),
  priority: z.number().min(0),
});

/** What was done with the rows of one transaction. */
interface Batch {
  readonly tx: Database;
  /** Ids of rows that can go. */
  readonly done: Set<string>;
  /** Keys of which a row was refused; the later ones wait. */
  readonly heldKeys: Set<string>;
  /** What is left to do after the commit. */
  readonly afterwards: (() => void)[];
}

/** Rows that transactions write, and the relay that brings them into the queue in their order. */
export class Outbox {
  readonly #sql: SqlDb;
  readonly #driver: JobDriver;
  readonly #pollMs: number;
  readonly #log: Logger;
  readonly #relayed: ReadonlyMap<string, RelayedWork>;
  /** Rows that the memory driver has and whose handler has not ended. */
  readonly #unfinished = new Set<string>();
  #forgetAtMs = 0;
  #isStopping = false;
  /** Ends the pause before the next batch; one for each batch, so that no call during a batch is lost. */
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
    this.#isStopping = true;
    this.#wake.abort();
    await this.#relaying;
  }

  /** Rows that the queue refused too often. */
  dead(limit: number): Promise<JobInfo[]> {
    return deadRows(this.#sql.db, limit);
  }

  /** Lets a dead row start over. Returns whether it was one. */
  async retry(id: string): Promise<boolean> {
    const isRetried = await retryRow(this.#sql.db, id);
    if (isRetried) this.#wake.abort();
    return isRetried;
  }

  /** Forgets a dead row. Returns whether it was one. */
  purge(id: string): Promise<boolean> {
    return purgeRow(this.#sql.db, id);
  }

  async #relay(): Promise<void> {
    let hasFailed = false;
    while (!this.#isStopping) {
      this.#wake = new AbortController();
      try {
        if ((await this.#relayBatch()) === batchSize) continue;
        await this.#forgetDone();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) this.#tell(error);
        hasFailed = true;
      }
      const { signal } = this.#wake;
      await sleep(this.#pollMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #forgetDone(): Promise<void> {
    if (performance.now() < this.#forgetAtMs) return;
    this.#forgetAtMs = performance.now() + forgetEveryMs;
    await this.#driver.forgetDone?.();
  }

  /** Without `enqueueIn` no application needs the table; in one of an older version jobs may wait. */
  #tell(error: unknown): void {
    if (isOutdated(error)) this.#log.warn(`jobs in the outbox wait: ${advice}`);
    else if (isMissing(error)) this.#log.info(`there is no outbox: ${advice}`);
    else this.#log.warn({ err: error }, "jobs in the outbox could not be moved to the queue; retrying");
  }

  /** A row is removed after its job was added, so that a crash in between adds the job again under the same id. */
  async #relayBatch(): Promise<number> {
    const afterwards: (() => void)[] = [];
    const count = await this.#sql.db.transaction(async (tx) => {
      const rows = await this.#next(tx);
      const batch: Batch = { tx, done: new Set(), heldKeys: new Set(), afterwards };
      for (const part of partsInKeyOrder(rows, (row) => this.#kindOf(row)))
        await this.#relayPart(batch, part);
      await removeRows(tx, [...batch.done]);
      return rows.length;
    });
    for (const each of afterwards) each();
    return count;
  }

  /** The oldest rows that this process can relay; none while another process relays. */
  async #next(tx: Database): Promise<readonly OutboxRow[]> {
    const lock = await tx.execute(statement`select pg_try_advisory_xact_lock(${relayLock}) as held`);
    if (Object(lock).rows[0]?.held !== true) return [];
    return dueRows(tx, [...this.#unfinished], batchSize, this.#relayed.has(eventJob));
  }

  /** The name of work that needs no queue, else empty. */
  #kindOf({ job }: OutboxRow): string {
    const { name } = Object(job);
    return this.#relayed.has(name) ? name : "";
  }

  async #relayPart(batch: Batch, part: readonly OutboxRow[]): Promise<void> {
    const { ready, refused } = this.#divide(part);
    for (const [name, work] of this.#relayed) {
      const own = ready.filter((row) => this.#kindOf(row) === name);
      await this.#doRelayed(batch, work, own);
    }
    for (const row of ready) {
      if (this.#kindOf(row) === "" && isOpen(batch, row)) await this.#enqueue(batch, row);
    }
    // After the earlier rows of their keys, which do not wait for them.
    for (const [row, problem] of refused) if (isOpen(batch, row)) await this.#holdBack(batch, row, problem);
  }

  /** Divides rows into those that can be done and those that are refused; what is behind a refused one of its key is neither. */
  #divide(rows: readonly OutboxRow[]) {
    const ready: OutboxRow[] = [];
    const refused = new Map<OutboxRow, Error>();
    const heldKeys = new Set<string>();
    for (const row of rows) {
      if (!isOpen({ heldKeys }, row)) continue;
      const problem = this.#relayed.get(this.#kindOf(row))?.problemOf(row.job);
      if (problem === undefined) ready.push(row);
      else {
        refused.set(row, problem);
        if (row.key !== null) heldKeys.add(row.key);
      }
    }
    return { ready, refused };
  }

  async #enqueue(batch: Batch, row: OutboxRow): Promise<void> {
    try {
      await this.#driver.add({ ...jobOf(row), isRelayed: true });
    } catch (error) {
      // While the server is away it is no row's fault, and all of them wait.
      await this.#driver.ping();
      return this.#holdBack(batch, row, error);
    }
    if (this.#driver.whenDone === undefined) batch.done.add(row.id);
    else this.#removeWhenDone(row.id);
  }

  async #holdBack({ tx, heldKeys }: Batch, row: OutboxRow, error: unknown): Promise<void> {
    const isDead = await holdBack(tx, row, error);
    if (row.key !== null) heldKeys.add(row.key);
    const what = isDead ? "dead: see 'svc-infra jobs list'" : "held back with its key, and tried again later";
    this.#log.warn(
      { err: error, job: row.id, key: row.key },
      `a job of the outbox was refused; it is ${what}`,
    );
  }

  /** Does what needs no queue, many rows at once. Of rows that fail together each half is done by itself. */
  async #doRelayed(batch: Batch, work: RelayedWork, rows: readonly OutboxRow[]): Promise<void> {
    const open = rows.filter((row) => isOpen(batch, row));
    const [first] = open;
    if (first === undefined) return;
    try {
      const jobs = open.map(({ job }) => job);
      batch.afterwards.push(await batch.tx.transaction((inner) => work.run(jobs, inner)));
      for (const { id } of open) batch.done.add(id);
    } catch (error) {
      if (open.length === 1) return this.#holdBack(batch, first, error);
      const half = Math.ceil(open.length / 2);
      await this.#doRelayed(batch, work, open.slice(0, half));
      await this.#doRelayed(batch, work, open.slice(half));
    }
  }

  #removeWhenDone(id: string): void {
    this.#unfinished.add(id);
    const remove = async () => {
      await this.#driver.whenDone?.(id);
      await removeRows(this.#sql.db, [id]);
      this.#unfinished.delete(id);
    };
    remove().catch((error: unknown) =>
      this.#log.warn({ err: error, job: id }, "a finished job stays in the outbox and will run again"),
    );
  }
}

/** Whether no earlier row of its key was refused. */
function isOpen({ heldKeys }: Pick<Batch, "heldKeys">, { key }: OutboxRow): boolean {
  return key === null || !heldKeys.has(key);
}

function jobOf({ id, job }: OutboxRow): NewJob {
  const parsed = rowShape.safeParse(job);
  if (parsed.success) return { ...job, id };
  const message = `the row is no job: ${z.prettifyError(parsed.error)}`;
  throw new JobError("job_options_invalid", message, { cause: parsed.error });
}
