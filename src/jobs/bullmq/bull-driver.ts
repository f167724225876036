import type { Job, JobsOptions, Queue } from "bullmq";
import { type Logger, within } from "../../kernel/index.js";
import type {
  JobDriver,
  JobInfo,
  JobState,
  NewJob,
  NewSchedule,
  ScheduleInfo,
  TakenJobHandler,
  Worker,
} from "../job-driver.js";
import { JobError } from "../job-error.js";
import { nextRun } from "../next-run.js";
import { BullWorker } from "./bull-worker.js";

/** What BullMQ needs to reach its server. */
export interface BullServer {
  readonly name: "postgres" | "redis";
  readonly queueName: string;
  /** The queue that producers use; it fails when the server is away. */
  readonly queue: Queue;
  /** Makes the worker of this process, with a connection that waits for the server to come back. */
  readonly openWorker: ConstructorParameters<typeof BullWorker>[0];
  ping(): Promise<void>;
  /** Called after the queue was closed. */
  disconnect(): void;
}

/** Milliseconds for which a relayed job that is done is kept, so that a row relayed again finds the id it had. */
const keepRelayedMs = 600_000;
/** Jobs that one call removes; it is made again while there are as many. */
const forgetAtOnce = 1_000;
const typesOfState = {
  waiting: ["wait", "prioritized"],
  delayed: ["delayed"],
  active: ["active"],
  dead: ["failed"],
} as const;

/** Keeps jobs in PostgreSQL or Redis, by BullMQ. */
export class BullDriver implements JobDriver {
  readonly name;
  readonly #server: BullServer;
  readonly #timeoutMs: number;
  #worker: BullWorker | undefined;

  constructor(server: BullServer, timeoutMs: number, log: Logger) {
    this.name = server.name;
    this.#server = server;
    this.#timeoutMs = timeoutMs;
    server.queue.on("error", (error) =>
      log.warn({ reason: error.message }, `the connection of the jobs to ${server.name} broke`),
    );
  }

  async add(job: NewJob): Promise<string> {
    const { id = job.id } = await this.#answer(
      this.#queue.add(job.name, job.payload ?? null, { ...optionsOf(job), jobId: job.id }),
    );
    return id;
  }

  async schedule({ id, when, job }: NewSchedule): Promise<void> {
    const repeat =
      "cron" in when
        ? {
            pattern: when.cron,
            tz: when.timeZone,
            ...(when.startAt === undefined ? {} : { startDate: when.startAt }),
          }
        : { every: when.everyMs };
    const template = { name: job.name, data: job.payload ?? null, opts: optionsOf(job) };
    await this.#answer(this.#queue.upsertJobScheduler(id, repeat, template));
  }

  unschedule(id: string): Promise<boolean> {
    return this.#answer(this.#queue.removeJobScheduler(id));
  }

  async schedules(): Promise<readonly ScheduleInfo[]> {
    const all = await this.#answer(this.#queue.getJobSchedulers(0, -1, true));
    return all.map(({ key, name, next = 0 }) => ({ id: key, name, nextRunAt: new Date(next) }));
  }

  async find(id: string): Promise<JobInfo | undefined> {
    const job = await this.#job(id);
    const state = job && stateOf(await this.#answer(job.getState()));
    return job && state && infoOf(job, state);
  }

  async list(state: JobState, limit: number): Promise<readonly JobInfo[]> {
    const jobs = await this.#answer(this.#queue.getJobs([...typesOfState[state]], 0, limit - 1, true));
    return jobs.filter((job) => job !== undefined).map((job) => infoOf(job, state));
  }

  async retry(id: string): Promise<boolean> {
    const job = await this.#dead(id);
    await (job && this.#answer(job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true })));
    return job !== undefined;
  }

  async purge(id: string): Promise<boolean> {
    const job = await this.#dead(id);
    await (job && this.#answer(job.remove()));
    return job !== undefined;
  }

  async cancel(id: string): Promise<boolean> {
    if (this.#worker?.cancel(id) === true) return true;
    const state = (await this.find(id))?.state;
    if (state !== "waiting" && state !== "delayed") return false;
    return (await this.#answer(this.#queue.remove(id))) > 0;
  }

  async forgetDone(): Promise<void> {
    for (let forgotten = forgetAtOnce; forgotten === forgetAtOnce; ) {
      forgotten = (await this.#answer(this.#queue.clean(keepRelayedMs, forgetAtOnce, "completed"))).length;
    }
  }

  work(handle: TakenJobHandler, concurrency: number): Worker {
    this.#worker = new BullWorker(this.#server.openWorker, handle, concurrency);
    return this.#worker;
  }

  ping(): Promise<void> {
    return this.#answer(this.#server.ping());
  }

  async close(): Promise<void> {
    await within(this.#timeoutMs, this.#queue.close());
    this.#server.disconnect();
  }

  get #queue(): Queue {
    return this.#server.queue;
  }

  async #job(id: string): Promise<Job | undefined> {
    return this.#answer(this.#queue.getJob(id));
  }

  async #dead(id: string): Promise<Job | undefined> {
    const job = await this.#job(id);
    return job !== undefined && (await this.#answer(job.isFailed())) ? job : undefined;
  }

  /** A client may go on trying for ever; its caller gets an error in time. */
  #answer<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const message = `${this.name} did not answer within ${this.#timeoutMs} ms (JOBS_ENQUEUE_TIMEOUT_MS)`;
        reject(new JobError("jobs_unavailable", message));
      }, this.#timeoutMs);
      const answered = (value: T) => {
        clearTimeout(late);
        resolve(value);
      };
      const refused = (cause: unknown) => {
        clearTimeout(late);
        reject(this.#refusal(cause));
      };
      call.then(answered, refused);
    });
  }

  #refusal(cause: unknown): JobError {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    return new JobError("jobs_unavailable", `${this.name} refused a call of the jobs: ${reason}`, { cause });
  }
}

/** BullMQ must compute a cron's next time as the other drivers do, across changes of the clock, too. */
export const repeatSettings = {
  repeatStrategy: (
    millis: number,
    {
      pattern = "",
      tz = "UTC",
      startDate,
    }: { pattern?: string; tz?: string; startDate?: Date | string | number },
  ) => {
    const start = startDate === undefined ? 0 : new Date(startDate).getTime();
    return nextRun(pattern, tz, new Date(Math.max(millis, start))).getTime();
  },
};

function optionsOf(job: Omit<NewJob, "id" | "delayMs"> & { readonly delayMs?: number }): JobsOptions {
  const { type, delayMs, jitter } = job.backoff;
  return {
    attempts: job.attempts,
    backoff: { type, delay: delayMs, jitter },
    // An age or a count would make PostgreSQL look through all finished jobs whenever one ends.
    removeOnComplete: job.isRelayed !== true,
    ...(job.delayMs === undefined || job.delayMs === 0 ? {} : { delay: job.delayMs }),
    ...(job.priority === 0 ? {} : { priority: job.priority }),
    ...(job.traceparent === undefined ? {} : { telemetry: { metadata: job.traceparent } }),
    ...(job.dedupKey === undefined ? {} : { deduplication: { id: job.dedupKey } }),
  };
}

function stateOf(state: string): JobState | undefined {
  return Object.entries(typesOfState)
    .map(([ours, theirs]) => ({ ours: ours as JobState, theirs: [...theirs, ours] as string[] }))
    .find(({ theirs }) => theirs.includes(state === "failed" ? "failed" : state))?.ours;
}

function infoOf(job: Job, state: JobState): JobInfo {
  const { id = "", name, data, attemptsMade, progress, failedReason } = job;
  const told = typeof progress === "object" || typeof progress === "number" ? progress : 0;
  return {
    id,
    name,
    payload: data,
    state,
    failedAttempts: attemptsMade,
    progress: told,
    error: failedReason,
  };
}
