import type { Backoff } from "./define-job.js";

/** A job before it is queued; every field is filled in. */
export interface NewJob {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly backoff: Required<Backoff>;
  /** Milliseconds before the job may run. */
  readonly delayMs: number;
  /** 0 runs first, a larger number later. */
  readonly priority: number;
  /** While an unfinished job has the same key, no other one is added. */
  readonly dedupKey?: string | undefined;
  /** The span that enqueued it, as a `traceparent` header names it. */
  readonly traceparent?: string | undefined;
  /** Whether it comes from the outbox, which can add it again after it is done. */
  readonly isRelayed?: boolean;
}

/** A job that a worker has taken. */
export interface TakenJob {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly traceparent?: string | undefined;
  /** Made when it is read. */
  readonly signal: AbortSignal;
  progress(value: number | object): Promise<void>;
}

/** Does a taken job. After a rejection with `FinalJobFailure` the job is not tried again. */
export type TakenJobHandler = (job: TakenJob) => Promise<void>;

/** Where a job can be. `dead` means that its last attempt has failed. */
export const jobStates = ["waiting", "delayed", "active", "dead"] as const;

/** One of {@link jobStates}. */
export type JobState = (typeof jobStates)[number];

/** What is known of one job. */
export interface JobInfo {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly state: JobState;
  /** Attempts that have failed. */
  readonly failedAttempts: number;
  readonly progress: number | object;
  /** Why the last attempt failed. */
  readonly error?: string | undefined;
}

/** Jobs that come again and again. */
export interface NewSchedule {
  readonly id: string;
  readonly when: Recurrence;
  readonly job: Omit<NewJob, "id" | "delayMs" | "dedupKey" | "traceparent">;
}

/** When a schedule makes its jobs: by a cron pattern in a time zone, or every so many milliseconds. */
export type Recurrence =
  | { readonly cron: string; readonly timeZone: string; readonly startAt?: Date | undefined }
  | { readonly everyMs: number };

/** What is known of a schedule. */
export interface ScheduleInfo {
  readonly id: string;
  readonly name: string;
  readonly nextRunAt: Date;
}

/** A process's part of the work; closing waits for running jobs and then gives them back. */
export interface Worker {
  close(timeoutMs: number): Promise<void>;
}

/** Keeps jobs and hands them out. Every method must fail, not hang, when the server is away. */
export interface JobDriver {
  readonly name: "memory" | "postgres" | "redis";
  /**
   * Returns the id: the given one, or that of the unfinished job with the same key. A known id is added once; that of a
   * relayed job stays known for a while after it is done.
   */
  add(job: NewJob): Promise<string>;
  schedule(schedule: NewSchedule): Promise<void>;
  unschedule(id: string): Promise<boolean>;
  schedules(): Promise<readonly ScheduleInfo[]>;
  find(id: string): Promise<JobInfo | undefined>;
  list(state: JobState, limit: number): Promise<readonly JobInfo[]>;
  /** Lets a dead job start over. Returns whether it was one. */
  retry(id: string): Promise<boolean>;
  /** Forgets a dead job. Returns whether it was one. */
  purge(id: string): Promise<boolean>;
  /** Removes a job that waits, or fires the signal of one that this process runs. */
  cancel(id: string): Promise<boolean>;
  work(handle: TakenJobHandler, concurrency: number): Worker;
  ping(): Promise<void>;
  close(): Promise<void>;
  /** Only where done jobs are kept for the outbox: removes those that it cannot add again any more. */
  readonly forgetDone?: () => Promise<void>;
  /** Only where jobs end with the process: resolves when the job's handler has ended well or the job was removed. */
  readonly whenDone?: (id: string) => Promise<void>;
}
