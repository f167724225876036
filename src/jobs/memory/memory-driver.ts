import { randomUUID } from "node:crypto";
import { Cancellation } from "../cancellation.js";
import type {
  JobDriver,
  JobInfo,
  JobState,
  NewJob,
  NewSchedule,
  Recurrence,
  ScheduleInfo,
  TakenJobHandler,
  Worker,
} from "../job-driver.js";
import { FinalJobFailure } from "../job-error.js";
import { nextRun } from "../next-run.js";
import { backoffMs } from "./backoff-ms.js";
import { type Deferred, deferred } from "./deferred.js";
import { GivenBack, MemoryWorker } from "./memory-worker.js";
import { Timer } from "./timer.js";
import { WaitingLine } from "./waiting-line.js";

interface Entry {
  readonly job: NewJob;
  state: JobState;
  failedAttempts: number;
  progress: number | object;
  error?: string;
  timer?: Timer;
  cancellation?: Cancellation;
  readonly done: Deferred;
}

interface RunningSchedule {
  readonly schedule: NewSchedule;
  readonly timer: Timer;
  readonly nextRunAt: Date;
}

/** Keeps jobs in the memory of the process: for tests, and beside the outbox of an embedded database. */
export class MemoryDriver implements JobDriver {
  readonly name = "memory";
  readonly #entries = new Map<string, Entry>();
  readonly #idOfKey = new Map<string, string>();
  readonly #line = new WaitingLine<Entry>();
  readonly #schedules = new Map<string, RunningSchedule>();
  readonly #workers = new Set<MemoryWorker<Entry>>();

  async add(job: NewJob): Promise<string> {
    const taken = job.dedupKey === undefined ? undefined : this.#idOfKey.get(job.dedupKey);
    if (taken !== undefined) return taken;
    if (this.#entries.has(job.id)) return job.id;
    // A copy by JSON, as a server would keep it: later changes of the caller's object change no job.
    const kept = { ...job, payload: JSON.parse(JSON.stringify(job.payload ?? null)) };
    const entry: Entry = { job: kept, state: "waiting", failedAttempts: 0, progress: 0, done: deferred() };
    this.#entries.set(job.id, entry);
    if (job.dedupKey !== undefined) this.#idOfKey.set(job.dedupKey, job.id);
    this.#wait(entry, job.delayMs);
    return job.id;
  }

  async schedule(schedule: NewSchedule): Promise<void> {
    await this.unschedule(schedule.id);
    const { when } = schedule;
    this.#arm(schedule, "cron" in when ? nextOf(when, when.startAt ?? new Date()) : new Date());
  }

  async unschedule(id: string): Promise<boolean> {
    this.#schedules.get(id)?.timer.stop();
    return this.#schedules.delete(id);
  }

  async schedules(): Promise<readonly ScheduleInfo[]> {
    return [...this.#schedules.values()].map(({ schedule: { id, job }, nextRunAt }) => ({
      id,
      name: job.name,
      nextRunAt,
    }));
  }

  async find(id: string): Promise<JobInfo | undefined> {
    const entry = this.#entries.get(id);
    return entry && infoOf(entry);
  }

  async list(state: JobState, limit: number): Promise<readonly JobInfo[]> {
    return [...this.#entries.values()]
      .filter((entry) => entry.state === state)
      .slice(0, limit)
      .map(infoOf);
  }

  async retry(id: string): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry?.state !== "dead") return false;
    entry.failedAttempts = 0;
    this.#wait(entry, 0);
    return true;
  }

  async purge(id: string): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry?.state !== "dead") return false;
    this.#forget(entry);
    return true;
  }

  async cancel(id: string): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state === "dead") return false;
    const { cancellation } = entry;
    if (cancellation !== undefined) cancellation.cancel(new FinalJobFailure("the job was cancelled"));
    else this.#forget(entry);
    return true;
  }

  work(handle: TakenJobHandler, concurrency: number): Worker {
    const worker = new MemoryWorker<Entry>(concurrency, {
      take: () => this.#line.take(),
      run: (entry) => this.#run(entry, handle),
      onClose: () => this.#workers.delete(worker),
    });
    this.#workers.add(worker);
    worker.fill();
    return worker;
  }

  async ping(): Promise<void> {}

  whenDone(id: string): Promise<void> {
    return this.#entries.get(id)?.done.promise ?? Promise.resolve();
  }

  async close(): Promise<void> {
    for (const { timer } of this.#schedules.values()) timer.stop();
    for (const { timer } of this.#entries.values()) timer?.stop();
    this.#schedules.clear();
  }

  #wait(entry: Entry, delayMs: number): void {
    if (delayMs > 0) {
      entry.state = "delayed";
      entry.timer = new Timer(Date.now() + delayMs, () => this.#wait(entry, 0));
      return;
    }
    entry.state = "waiting";
    delete entry.timer;
    this.#line.join(entry, entry.job.priority);
    for (const worker of this.#workers) worker.fill();
  }

  async #run(entry: Entry, handle: TakenJobHandler): Promise<void> {
    const { job } = entry;
    const cancellation = new Cancellation();
    entry.state = "active";
    entry.cancellation = cancellation;
    const progress = async (value: number | object) => {
      entry.progress = value;
    };
    try {
      const taken = {
        ...job,
        attempt: entry.failedAttempts + 1,
        progress,
        get signal() {
          return cancellation.signal;
        },
      };
      await cancellation.until(handle(taken));
      this.#forget(entry);
    } catch (error) {
      delete entry.cancellation;
      if (error instanceof GivenBack) this.#wait(entry, 0);
      else this.#fail(entry, error);
    }
  }

  #fail(entry: Entry, error: unknown): void {
    const { job } = entry;
    entry.failedAttempts++;
    entry.error = error instanceof Error ? error.message : String(error);
    if (!(error instanceof FinalJobFailure) && entry.failedAttempts < job.attempts) {
      this.#wait(entry, backoffMs(job.backoff, entry.failedAttempts));
      return;
    }
    entry.state = "dead";
    if (job.dedupKey !== undefined) this.#idOfKey.delete(job.dedupKey);
  }

  #forget(entry: Entry): void {
    const { id, dedupKey } = entry.job;
    entry.timer?.stop();
    this.#line.leave(entry, entry.job.priority);
    this.#entries.delete(id);
    if (dedupKey !== undefined && this.#idOfKey.get(dedupKey) === id) this.#idOfKey.delete(dedupKey);
    entry.done.resolve();
  }

  #arm(schedule: NewSchedule, nextRunAt: Date): void {
    const timer = new Timer(nextRunAt.getTime(), () => {
      this.#arm(schedule, nextOf(schedule.when, nextRunAt));
      void this.add({ ...schedule.job, id: randomUUID(), delayMs: 0 });
    });
    this.#schedules.set(schedule.id, { schedule, timer, nextRunAt });
  }
}

/** The first run after an instant that is not over yet: a machine that slept makes no job for each run that it missed. */
function nextOf(when: Recurrence, after: Date): Date {
  const afterMs = after.getTime();
  const now = Date.now();
  if ("cron" in when) return nextRun(when.cron, when.timeZone, new Date(Math.max(now, afterMs)));
  const missed = Math.max(Math.floor((now - afterMs) / when.everyMs), 0);
  return new Date(afterMs + (missed + 1) * when.everyMs);
}

function infoOf({ job: { id, name, payload }, state, failedAttempts, progress, error }: Entry): JobInfo {
  return { id, name, payload, state, failedAttempts, progress, error };
}
