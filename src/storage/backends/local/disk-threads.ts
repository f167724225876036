import { Worker } from "node:worker_threads";
import { DiskError, receiveError } from "./disk-error.js";
import type { JobKind, JobKinds, SentJob, SentOutcome, ThreadSettings } from "./jobs.js";
import type { StoreSettings } from "./store.js";

/** Bytes that travel with one batch. */
const slabBytes = 1024 * 1024;
const maxBatch = 64;
/** More jobs than this for each thread, and another one is worth its memory. */
const jobsPerThread = 2;
const noBytes = new Uint8Array(0);

/** A job's answer, and the bytes it left in its part of the slab, to be copied before anything else happens. */
export interface Answer<Kind extends JobKind> {
  readonly reply: JobKinds[Kind]["reply"];
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly kind: JobKind;
  readonly job: unknown;
  readonly payload: Uint8Array;
  readonly room: number;
  readonly settle: (outcome: SentOutcome | Error, bytes: Uint8Array) => void;
}

/**
 * Threads that do blocking work on the disk. They start when there is something to do, take what came in one
 * turn of the event loop as one batch, and do not keep the process alive while idle.
 */
export class DiskThreads {
  readonly #settings: StoreSettings;
  readonly #maxThreads: number;
  readonly #threads = new Set<DiskThread>();
  #queue: Waiting[] = [];
  #isFlushDue = false;
  #isClosed = false;

  constructor(settings: StoreSettings, maxThreads: number) {
    this.#settings = settings;
    this.#maxThreads = maxThreads;
  }

  /** Starts threads before there is work, so that the first requests do not wait for them. */
  prepare(count: number): void {
    while (this.#threads.size < Math.min(count, this.#maxThreads)) this.#addThread();
  }

  /**
   * Runs a job and hands its answer to `use` in the same turn.
   *
   * @param payload - copied before this returns.
   * @param room - bytes that the answer may need.
   */
  run<Kind extends JobKind, T>(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    use: (answer: Answer<Kind>) => T,
    payload: Uint8Array = noBytes,
    room: number = payload.byteLength,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new DiskError("unavailable", "the storage is closed");
      const settle = (outcome: SentOutcome | Error, bytes: Uint8Array) => {
        if (outcome instanceof Error) return reject(outcome);
        if ("error" in outcome) return reject(receiveError(outcome.error));
        resolve(use({ reply: outcome.value as JobKinds[Kind]["reply"], bytes }));
      };
      this.#queue.push({ kind, job, payload, room, settle });
      this.#flushSoon();
    });
  }

  /** Lets running jobs end, then ends the threads. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end()));
    this.#refuse(new DiskError("unavailable", "the storage is closed"));
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const isMuch = this.#queue.length > this.#threads.size * jobsPerThread;
    const idle = [...this.#threads].filter((thread) => thread.isIdle);
    for (const [index, thread] of idle.entries()) {
      const share = Math.min(maxBatch, Math.ceil(this.#queue.length / (idle.length - index)));
      if (share > 0) thread.take(this.#nextBatch(share));
    }
    if (isMuch || this.#queue.length > 0) this.#startThread();
  }

  #nextBatch(count: number): Waiting[] {
    let room = 0;
    const end = this.#queue.findIndex((waiting, index) => {
      room += waiting.room;
      return index === count || (room > slabBytes && index > 0);
    });
    return this.#queue.splice(0, end === -1 ? count : end);
  }

  /** One at a time: while it starts, the others may get through the queue. */
  #startThread(): void {
    const isStarting = [...this.#threads].some((thread) => thread.isStarting);
    if (isStarting || this.#threads.size >= this.#maxThreads) return;
    this.#addThread();
  }

  #addThread(): void {
    const thread: DiskThread = new DiskThread(
      this.#settings,
      () => this.#flush(),
      (error) => this.#lose(thread, error),
    );
    this.#threads.add(thread);
  }

  #lose(thread: DiskThread, error: Error): void {
    this.#threads.delete(thread);
    if (this.#threads.size === 0) this.#refuse(error);
  }

  #refuse(error: Error): void {
    for (const waiting of this.#queue.splice(0)) waiting.settle(error, noBytes);
  }
}

class DiskThread {
  isStarting = true;
  readonly #worker: Worker;
  readonly #bytes: Uint8Array;
  readonly #onIdle: () => void;
  #batch: readonly Waiting[] = [];
  #whenIdle: (() => void) | undefined;

  constructor(settings: StoreSettings, onIdle: () => void, onLost: (error: Error) => void) {
    this.#onIdle = onIdle;
    const slab = new SharedArrayBuffer(slabBytes);
    this.#bytes = new Uint8Array(slab);
    // Descriptors are handed to the main thread, so the worker must not close them when it ends.
    this.#worker = new Worker(new URL("./thread.js", import.meta.url), {
      workerData: { store: settings, slab } satisfies ThreadSettings,
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
    let offset = 0;
    const jobs = batch.map(({ kind, job, payload, room }) => {
      this.#bytes.set(payload, offset);
      offset += room;
      return { kind, job, offset: offset - room, length: room } as SentJob;
    });
    this.#worker.postMessage(JSON.stringify(jobs));
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
