import { DiskThread, slabBytes } from "./disk-thread.js";
import { maxBatch } from "./job-state.js";
import { newTurns } from "./sync.js";
import type { WaitingJob } from "./waiting-job.js";

/** More jobs than this for each thread, and another one is worth its memory. */
const jobsPerThread = 2;
/** How long threads wait for another store when the last one was closed. To start one takes some 40 ms. */
const lingerMs = 10_000;
const noBytes = new Uint8Array(0);

/**
 * Threads that do blocking work on the disk. They start when there is something to do, take what came in one
 * turn of the event loop as one batch, and do not keep the process alive while idle.
 */
export class ThreadGroup {
  readonly #turns = newTurns();
  readonly #maxThreads: number;
  readonly #threads = new Set<DiskThread>();
  #queue: WaitingJob[] = [];
  #isFlushDue = false;
  #users = 0;
  #ending: NodeJS.Timeout | undefined;

  constructor(maxThreads: number) {
    this.#maxThreads = maxThreads;
  }

  /** Starts threads before there is work, so that the first requests do not wait for them. */
  prepare(count: number): void {
    while (this.#threads.size < Math.min(count, this.#maxThreads)) this.#addThread();
  }

  add(waiting: WaitingJob): void {
    this.#queue.push(waiting);
    this.#flushSoon();
  }

  /** Another store uses the threads. */
  retain(): void {
    this.#users++;
    clearTimeout(this.#ending);
  }

  /** A store uses them no more; if nobody comes soon, they end. */
  release(): void {
    this.#users--;
    if (this.#users === 0) this.#ending = setTimeout(() => this.#end(), lingerMs).unref();
  }

  #end(): void {
    const ending = [...this.#threads];
    this.#threads.clear();
    for (const thread of ending) void thread.end();
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

  #nextBatch(count: number): WaitingJob[] {
    let room = 0;
    const end = this.#queue.findIndex((waiting, index) => {
      room += waiting.asked.room;
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
      this.#turns,
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
    for (const waiting of this.#queue.splice(0)) waiting.settle({ thrown: error }, noBytes);
  }
}
