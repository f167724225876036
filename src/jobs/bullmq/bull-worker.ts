import {
  type Worker as BullMqWorker,
  type Job,
  type Processor,
  UnrecoverableError,
  WaitingError,
} from "bullmq";
import { within } from "../../kernel/index.js";
import { Cancellation } from "../cancellation.js";
import type { TakenJob, TakenJobHandler, Worker } from "../job-driver.js";
import { FinalJobFailure } from "../job-error.js";

/** Limits of the locks, the same for every server: a job of a killed worker is taken over within two intervals. */
export const lockSettings = {
  lockDuration: 5_000,
  stalledInterval: 5_000,
  // Attempts are counted by the processor, which knows how many the job may have; BullMQ itself would give up after one.
  maxStalledCount: 1_000_000,
};

/** Milliseconds in which the server must have taken jobs back. */
const giveBackMs = 1_000;

/** Handles the jobs that BullMQ hands to this process. */
export class BullWorker implements Worker {
  readonly #worker: BullMqWorker;
  readonly #handle: TakenJobHandler;
  readonly #running = new Map<string, Cancellation>();
  readonly #closing = new Error("the service is closing");

  constructor(
    open: (processor: Processor, concurrency: number) => BullMqWorker,
    handle: TakenJobHandler,
    concurrency: number,
  ) {
    this.#handle = handle;
    // A processor with a third parameter would be given a signal for each job, wanted or not.
    this.#worker = open((job, token) => this.#process(job, token), concurrency);
  }

  cancel(id: string): boolean {
    const cancellation = this.#running.get(id);
    cancellation?.cancel(new FinalJobFailure("the job was cancelled"));
    return cancellation !== undefined;
  }

  /**
   * Lets running jobs end; those that do not are given back to other workers. When the server is away, nothing can be
   * given back and the locks of the jobs run out.
   */
  async close(timeoutMs: number): Promise<void> {
    const giveBack = () => {
      for (const cancellation of this.#running.values()) cancellation.cancel(this.#closing);
    };
    const timer = setTimeout(giveBack, timeoutMs);
    await within(timeoutMs + giveBackMs, this.#worker.close());
    clearTimeout(timer);
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    // A retry from the dead letters keeps the number of killed workers, but begins anew to count what was started.
    const attempt = Math.min(job.attemptsMade + job.stalledCounter + 1, job.attemptsStarted);
    const { attempts = 1 } = job.opts;
    if (attempt > attempts) {
      throw new UnrecoverableError(`${job.stalledCounter} of its workers ended before the job did`);
    }
    const { id = "" } = job;
    const cancellation = new Cancellation();
    this.#running.set(id, cancellation);
    try {
      await cancellation.until(this.#handle(new TakenBullJob(job, attempt, cancellation)));
    } catch (error) {
      if (cancellation.reason === this.#closing) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      // BullMQ reads the message of whatever is thrown, and counts no attempts that killed workers began.
      const failure = cancellation.reason ?? (error instanceof Error ? error : new Error(String(error)));
      const isFinal = failure instanceof FinalJobFailure || attempt >= attempts;
      throw isFinal ? new UnrecoverableError(failure.message) : failure;
    } finally {
      this.#running.delete(id);
    }
  }
}

/** What a handler may read of a job of BullMQ, without a copy. */
class TakenBullJob implements TakenJob {
  readonly #job: Job;
  readonly #cancellation: Cancellation;
  readonly attempt: number;

  constructor(job: Job, attempt: number, cancellation: Cancellation) {
    this.#job = job;
    this.#cancellation = cancellation;
    this.attempt = attempt;
  }

  get id(): string {
    return this.#job.id ?? "";
  }

  get name(): string {
    return this.#job.name;
  }

  get payload(): unknown {
    return this.#job.data;
  }

  get traceparent(): string | undefined {
    return this.#job.opts.telemetry?.metadata;
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal;
  }

  progress(value: number | object): Promise<void> {
    return this.#job.updateProgress(value);
  }
}
