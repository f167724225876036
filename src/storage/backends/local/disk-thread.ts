import { Worker } from "node:worker_threads";
import { DiskError } from "./disk-error.js";
import { JobState, newJobStates } from "./job-state.js";
import type { SentBatch, SentJob, SentOutcome, ThreadSettings } from "./jobs.js";
import type { WaitingJob } from "./waiting-job.js";

/** Bytes that travel with one batch. */
export const slabBytes = 1024 * 1024;

/** One thread, working on one batch at a time. */
export class DiskThread {
  isStarting = true;
  readonly #worker: Worker;
  readonly #bytes: Uint8Array;
  readonly #states = newJobStates();
  readonly #onIdle: () => void;
  #batch: readonly WaitingJob[] = [];
  #whenIdle: (() => void) | undefined;

  constructor(turns: SharedArrayBuffer, onIdle: () => void, onLost: (error: Error) => void) {
    this.#onIdle = onIdle;
    const slab = new SharedArrayBuffer(slabBytes);
    this.#bytes = new Uint8Array(slab);
    // Descriptors are handed to the main thread, so the worker must not close them when it ends.
    this.#worker = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: { turns, slab, states: this.#states } satisfies ThreadSettings,
      trackUnmanagedFds: false,
      execArgv: [],
      name: "svc-infra-disk",
    });
    this.#worker.on("message", (message: string) => this.#receive(message));
    let cause = new DiskError("unavailable", "a disk thread ended");
    this.#worker.on("error", (error) => {
      cause = Object.assign(cause, { cause: error });
    });
    this.#worker.on("exit", () => {
      onLost(cause);
      this.#finish((waiting) => waiting.settle({ thrown: cause }, this.#bytes));
    });
  }

  get isIdle(): boolean {
    return !this.isStarting && this.#batch.length === 0;
  }

  take(batch: readonly WaitingJob[]): void {
    this.#batch = batch;
    batch.forEach((waiting, index) => {
      waiting.join(new JobState(this.#states, index));
    });
    this.#worker.ref();
    this.#worker.postMessage(JSON.stringify(this.#toSent(batch)));
  }

  #toSent(batch: readonly WaitingJob[]): SentBatch {
    const stores = [...new Set(batch.map(({ asked }) => asked.store))];
    let offset = 0;
    const jobs = batch.map(({ asked: { store, kind, job, payload, room } }) => {
      this.#bytes.set(payload, offset);
      offset += room;
      return { store: stores.indexOf(store), kind, job, offset: offset - room, length: room } as SentJob;
    });
    return { stores, jobs };
  }

  async end(): Promise<void> {
    if (this.#batch.length > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#worker.terminate();
  }

  #receive(message: string): void {
    this.isStarting = false;
    this.#worker.unref();
    if (message !== "ready") this.#deliver(JSON.parse(message));
    this.#onIdle();
  }

  #deliver(outcomes: readonly SentOutcome[]): void {
    let offset = 0;
    this.#finish((waiting, index) => {
      const { room } = waiting.asked;
      const bytes = this.#bytes.subarray(offset, offset + room);
      offset += room;
      waiting.settle(outcomes[index] ?? { thrown: noAnswer() }, bytes);
    });
  }

  #finish(settle: (waiting: WaitingJob, index: number) => void): void {
    const batch = this.#batch;
    this.#batch = [];
    batch.forEach(settle);
    this.#whenIdle?.();
  }
}

function noAnswer(): DiskError {
  return new DiskError("unavailable", "a disk thread gave no answer");
}
