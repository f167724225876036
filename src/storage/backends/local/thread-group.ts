import { DiskThread } from "./disk-thread.js";
import { maxBatch } from "./job-state.js";
import { slabBytes } from "./lane.js";
import type { WaitingJob } from "./waiting-job.js";

/** How long threads wait for another store when the last one was closed. To start one takes some 40 ms. */
const lingerMs = 10_000;
/** Where each job waits longer than this for the disk, more threads get more of them done. */
const slowMs = 4;
/** Weight of the last batch in the mean of all: one that was held up says little. */
const weight = 1 / 16;
const noBytes = new Uint8Array(0);

/** How a group works. */
export interface GroupSettings {
  /** As many threads as there is work for all of the time. */
  readonly threads: number;
  /** As many as may be, where the disk is what takes the time. */
  readonly maxThreads: number;
  /** Jobs that go to a thread together. */
  readonly batch: number;
  /**
   * Batches that a thread has at once. With more than one it need not wait for us; many small ones keep both sides
   * busy, few large ones let jobs share work.
   */
  readonly lanes: number;
}

/**
 * Threads that do blocking work on the disk. They start when there is something to do, take what came in one
 * turn of the event loop as one batch, and do not keep the process alive while idle.
 *
 * Few threads do many short jobs faster than many, each of which has to get warm and is in the way of the others;
 * more of them start when the disk is what takes the time.
 */
export class ThreadGroup {
  readonly #busyThreads: number;
  readonly #maxThreads: number;
  readonly #maxBatch: number;
  readonly #lanesEach: number;
  readonly #threads = new Set<DiskThread>();
  #queue: WaitingJob[] = [];
  #isFlushDue = false;
  #meanMs = 0;
  #users = 0;
  #ending: NodeJS.Timeout | undefined;

  constructor({ threads, maxThreads, batch, lanes }: GroupSettings) {
    this.#busyThreads = threads;
    this.#maxThreads = maxThreads;
    this.#maxBatch = Math.min(batch, maxBatch);
    this.#lanesEach = lanes;
  }

  /** Starts threads before there is work, so that the first requests do not wait for them. */
  prepare(): void {
    while (this.#threads.size < this.#busyThreads) this.#addThread();
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

  /** When all that this turn of the event loop brings has come: fewer, larger batches. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    // First the threads that do nothing, then those that do something.
    for (let lanes = this.#lanesEach; lanes > 0; lanes--) {
      for (const thread of this.#threads) if (thread.freeLanes >= lanes) this.#give(thread);
    }
    if (this.#freeLanes === 0 && this.#isOneMoreWanted) this.#startThread();
  }

  #give(thread: DiskThread): void {
    if (this.#queue.length > 0) thread.take(this.#nextBatch(Math.ceil(this.#queue.length / this.#freeLanes)));
  }

  get #freeLanes(): number {
    let free = 0;
    for (const thread of this.#threads) free += thread.freeLanes;
    return free;
  }

  get #isOneMoreWanted(): boolean {
    if (this.#queue.length > 0 && this.#threads.size < this.#busyThreads) return true;
    return this.#meanMs > slowMs;
  }

  /** Jobs of one store that fit into a slab. */
  #nextBatch(share: number): WaitingJob[] {
    const store = this.#queue[0]?.asked.store;
    const count = Math.min(share, this.#maxBatch);
    let room = 0;
    const end = this.#queue.findIndex(({ asked }, index) => {
      room += asked.room;
      return index === count || asked.store !== store || (room > slabBytes && index > 0);
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
    const thread: DiskThread = new DiskThread(this.#lanesEach, {
      onFree: (waitedMs) => {
        this.#meanMs += (waitedMs - this.#meanMs) * weight;
        if (this.#queue.length > 0) this.#flushSoon();
      },
      onLost: (error) => this.#lose(thread, error),
    });
    this.#threads.add(thread);
  }

  #lose(thread: DiskThread, error: Error): void {
    this.#threads.delete(thread);
    if (this.#threads.size > 0) return;
    for (const waiting of this.#queue.splice(0)) waiting.settle({ thrown: error }, noBytes);
  }
}
