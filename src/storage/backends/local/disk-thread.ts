import { Worker } from "node:worker_threads";
import { DiskError } from "./disk-error.js";
import type { JobKind, SentBatch, SentJob, SentOutcome, ThreadSettings } from "./jobs.js";
import type { StoreSettings } from "./store.js";

/** Bytes that travel with one batch. */
export const slabBytes = 1024 * 1024;

/** A job that waits for a thread, or for its answer. */
export interface Waiting {
  readonly store: StoreSettings;
  readonly kind: JobKind;
  readonly job: unknown;
  readonly payload: Uint8Array;
  readonly room: number;
  readonly settle: (outcome: SentOutcome | Error, bytes: Uint8Array) => void;
}

/** One thread, working on one batch at a time. */
export class DiskThread {
  isStarting = true;
  readonly #worker: Worker;
  readonly #bytes: Uint8Array;
  readonly #onIdle: () => void;
  #batch: readonly Waiting[] = [];
  #whenIdle: (() => void) | undefined;

  constructor(turns: SharedArrayBuffer, onIdle: () => void, onLost: (error: Error) => void) {
    this.#onIdle = onIdle;
    const slab = new SharedArrayBuffer(slabBytes);
    this.#bytes = new Uint8Array(slab);
    // Descriptors are handed to the main thread, so the worker must not close them when it ends.
    this.#worker = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: { turns, slab } satisfies ThreadSettings,
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
      this.#finish((waiting) => waiting.settle(cause, this.#bytes));
    });
  }

  get isIdle(): boolean {
    return !this.isStarting && this.#batch.length === 0;
  }

  take(batch: readonly Waiting[]): void {
    this.#batch = batch;
    this.#worker.ref();
    this.#worker.postMessage(JSON.stringify(this.#toSent(batch)));
  }

  #toSent(batch: readonly Waiting[]): SentBatch {
    const stores = [...new Set(batch.map(({ store }) => store))];
    let offset = 0;
    const jobs = batch.map(({ store, kind, job, payload, room }) => {
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
      const bytes = this.#bytes.subarray(offset, offset + waiting.room);
      offset += waiting.room;
      waiting.settle(outcomes[index] ?? new DiskError("unavailable", "a disk thread gave no answer"), bytes);
    });
  }

  #finish(settle: (waiting: Waiting, index: number) => void): void {
    const batch = this.#batch;
    this.#batch = [];
    batch.forEach(settle);
    this.#whenIdle?.();
  }
}
