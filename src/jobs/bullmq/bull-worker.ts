import {
  type Worker as BullMqWorker,
  type Job,
  type Processor,
  UnrecoverableError,
  WaitingError,
} from "bullmq";
import { FinalJobFailure, type TakenJobHandler, type Worker } from "../job-driver.js";
import { untilAborted } from "../until-aborted.js";
import { within } from "./within.js";

/** Limits of the locks, the same for every server: a job of a killed worker is taken over within two intervals. */
export const lockSettings = {
  lockDuration: 5_000,
  stalledInterval: 5_000,
  // Attempts are counted by the processor, which knows how many the job may have; BullMQ itself would give up after one.
  maxStalledCount: 1_000_000,
};

/** Milliseconds in which the server must have taken jobs back. */
const giveBackMs = 1_000;
const closing = "the service is closing";

/** Handles the jobs that BullMQ hands to this process. */
export class BullWorker implements Worker {
  readonly #worker: BullMqWorker;
  readonly #handle: TakenJobHandler;

  constructor(
    open: (processor: Processor, concurrency: number) => BullMqWorker,
    handle: TakenJobHandler,
    concurrency: number,
  ) {
    this.#handle = handle;
    this.#worker = open((job, token, signal) => this.#process(job, token, signal), concurrency);
  }

  cancel(id: string): boolean {
    return this.#worker.cancelJob(id, "the job was cancelled");
  }

  /**
   * Lets running jobs end; those that do not are given back to other workers. When the server is away, nothing can be
   * given back and the locks of the jobs run out.
   */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#worker.cancelAllJobs(closing), timeoutMs);
    await within(timeoutMs + giveBackMs, this.#worker.close());
    clearTimeout(timer);
  }

  async #process(job: Job, token: string | undefined, signal = new AbortController().signal): Promise<void> {
    // A retry from the dead letters keeps the number of killed workers, but begins anew to count what was started.
    const attempt = Math.min(job.attemptsMade + job.stalledCounter + 1, job.attemptsStarted);
    if (attempt > (job.opts.attempts ?? 1)) {
      throw new UnrecoverableError(`${job.stalledCounter} of its workers ended before the job did`);
    }
    try {
      await untilAborted(this.#handle(takenJob(job, attempt, signal)), signal);
    } catch (error) {
      if (signal.aborted && signal.reason === closing) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      if (signal.aborted) throw new UnrecoverableError(String(signal.reason));
      if (error instanceof FinalJobFailure) throw new UnrecoverableError(error.message);
      throw error;
    }
  }
}

function takenJob(job: Job, attempt: number, signal: AbortSignal) {
  return {
    id: job.id ?? "",
    name: job.name,
    payload: job.data,
    attempt,
    signal,
    progress: (value: number | object) => job.updateProgress(value),
  };
}
