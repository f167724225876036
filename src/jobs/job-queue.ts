import { randomUUID } from "node:crypto";
import { activeTraceparent } from "../kernel/index.js";
import type { Database } from "../sql/index.js";
import type { AttemptOptions, Backoff, JobDefinition } from "./define-job.js";
import type { JobDriver, JobInfo, JobState, NewJob } from "./job-driver.js";
import { JobError } from "./job-error.js";
import type { Outbox } from "./outbox/outbox.js";

/** How a job is enqueued; each beats what its definition says. */
export interface EnqueueOptions extends AttemptOptions {
  /** Milliseconds before the job may run. Default: 0. */
  readonly delayMs?: number;
  /** From 0, which runs first, to 2,000,000. Default: 0. */
  readonly priority?: number;
  /** While a job with this key is unfinished, no other one is added, and its id is returned. */
  readonly dedupKey?: string;
}

/** How a job is enqueued by a transaction. */
export interface EnqueueInOptions extends Omit<EnqueueOptions, "dedupKey"> {
  /** Jobs with the same key reach the queue in the order of their rows. Default: in any order. */
  readonly key?: string;
  /** The span that it belongs to, as a `traceparent` header names it. Default: the active one. */
  readonly traceparent?: string | undefined;
}

const defaultBackoff = { type: "exponential", delayMs: 1_000, jitter: 0.5 } as const;

/** Dead jobs that are retried or purged at the same time. */
const atOnce = 500;

/** Puts jobs into the queue and looks after those that are in it. */
export class JobQueue {
  readonly #driver: JobDriver;
  readonly #outbox: Outbox | undefined;

  /** @internal made by `easyJobs`. */
  constructor(driver: JobDriver, outbox?: Outbox) {
    this.#driver = driver;
    this.#outbox = outbox;
  }

  /** Where jobs are kept. */
  get driver(): JobDriver["name"] {
    return this.#driver.name;
  }

  /**
   * Adds a job.
   *
   * @returns its id, or that of the unfinished job with the same `dedupKey`.
   * @throws JobError when the payload breaks the schema, or the server does not answer within
   * `JOBS_ENQUEUE_TIMEOUT_MS`; it may have taken the job all the same then.
   */
  async enqueue<Input>(
    job: JobDefinition<Input>,
    payload: NoInfer<Input>,
    options: EnqueueOptions = {},
  ): Promise<string> {
    const traceparent = activeTraceparent();
    return this.#driver.add({ ...newJob(randomUUID(), job, payload, options), traceparent });
  }

  /**
   * Adds a job when the caller's transaction is committed, and never when it is rolled back: the job is a row of the
   * outbox until then. It reaches the queue at least once, also when the process dies right after the commit.
   *
   * @param tx - a transaction of `app.db`.
   * @returns its id, which is the id of the row.
   */
  async enqueueIn<Input>(
    tx: Database,
    job: JobDefinition<Input>,
    payload: NoInfer<Input>,
    options: EnqueueInOptions = {},
  ): Promise<string> {
    if (this.#outbox === undefined) {
      throw new JobError(
        "job_options_invalid",
        "enqueueIn needs a database; call 'await addSqlDb(app)' first",
      );
    }
    const { key, traceparent = activeTraceparent(), ...rest } = options;
    return this.#outbox.write(tx, { ...newJob(randomUUID(), job, payload, rest), traceparent }, key);
  }

  /** A job in the queue; `undefined` for an unknown job and for one that has succeeded. */
  find(id: string): Promise<JobInfo | undefined> {
    return this.#driver.find(id);
  }

  /** Jobs in one state, the oldest first; behind the dead ones those of the outbox that the queue refused too often. */
  async list(
    state: JobState,
    { limit = 100 }: { readonly limit?: number } = {},
  ): Promise<readonly JobInfo[]> {
    const found = await this.#driver.list(state, limit);
    if (state !== "dead" || this.#outbox === undefined || found.length >= limit) return found;
    return [...found, ...(await this.#outbox.dead(limit - found.length))];
  }

  /** Removes a job that waits; fires the signal of one that this process runs. Returns whether it did one of the two. */
  cancel(id: string): Promise<boolean> {
    return this.#driver.cancel(id);
  }

  /** Lets dead jobs start over: one, or all, each of them once. Returns how many. */
  retry(id?: string): Promise<number> {
    return this.#forDead(id, async (each) => {
      return (await this.#driver.retry(each)) || (await this.#outbox?.retry(each)) === true;
    });
  }

  /** Forgets dead jobs: one, or all. Returns how many. */
  purge(id?: string): Promise<number> {
    return this.#forDead(id, async (each) => {
      return (await this.#driver.purge(each)) || (await this.#outbox?.purge(each)) === true;
    });
  }

  async #forDead(id: string | undefined, act: (id: string) => Promise<boolean>): Promise<number> {
    if (id !== undefined) return (await act(id)) ? 1 : 0;
    const seen = new Set<string>();
    let done = 0;
    for (let limit = atOnce; ; ) {
      const dead = await this.list("dead", { limit });
      // Once for each: a job that is retried can be dead again before the next list.
      const fresh = dead.map((job) => job.id).filter((each) => !seen.has(each));
      for (const each of fresh) seen.add(each);
      done += (await Promise.all(fresh.map(act))).filter(Boolean).length;
      if (dead.length < limit) return done;
      limit = dead.length - fresh.length + atOnce;
    }
  }
}

/** Checks the payload and fills in what the caller and the definition leave open. */
export function newJob<Input>(
  id: string,
  job: JobDefinition<Input>,
  payload: Input,
  options: EnqueueOptions,
): NewJob {
  const { delayMs = 0, priority = 0, dedupKey } = options;
  const attempts = options.attempts ?? job.attempts ?? 5;
  checkRange("delayMs", delayMs, Number.MAX_SAFE_INTEGER);
  checkRange("priority", priority, 2_000_000);
  checkRange("attempts", attempts, 1_000, 1);
  const backoff: Required<Backoff> = { jitter: 0.5, ...(options.backoff ?? job.backoff ?? defaultBackoff) };
  return { id, name: job.name, payload: job.check(payload), attempts, backoff, delayMs, priority, dedupKey };
}

function checkRange(name: string, value: number, max: number, min = 0): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new JobError(
    "job_options_invalid",
    `${name} must be a whole number from ${min} to ${max}, not ${value}`,
  );
}
