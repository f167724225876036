import { ServiceError } from "../../contract/service-error.js";
import { KeyQueue } from "./commit/key-queue.js";
import { Sweep } from "./commit/sweep.js";
import { isBusy } from "./disk/disk-error.js";
import { waitForTurn } from "./disk/turn.js";
import { Lister } from "./read/list.js";
import { Store, type StoreSettings } from "./store.js";

/** How long a write waits for writers of other processes, in milliseconds. */
const maxBusyMs = 40_000;
const maxBusyPauseMs = 16;

/** By path of the body, so all stores of a process that lie in one folder share it. */
const writers = new KeyQueue();

/** A base folder that is open for work. */
export class OpenStore {
  readonly store: Store;
  readonly lister: Lister;
  readonly sweep: Sweep;
  #running = 0;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(settings: StoreSettings) {
    this.store = new Store(settings);
    this.lister = new Lister(this.store);
    this.sweep = new Sweep(this.store);
  }

  /** Runs what reads or writes the folder. Its system calls block, so it begins when the event loop had its turn. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ServiceError("unavailable", "the storage is closed");
    this.#running++;
    try {
      const turn = waitForTurn();
      if (turn !== undefined) await turn;
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }

  /** Runs what changes a key; one at a time, and again while another process holds the key. */
  async change<T>(key: string, work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const path = this.store.layout.body(key);
    const turn = writers.enter(path, signal);
    if (turn !== undefined) await turn;
    const startMs = performance.now();
    try {
      for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, maxBusyPauseMs)) {
        signal?.throwIfAborted();
        try {
          return await this.run(work);
        } catch (error) {
          if (!isBusy(error) || performance.now() - startMs > maxBusyMs) throw error;
        }
        await new Promise((done) => setTimeout(done, pauseMs * Math.random()));
      }
    } finally {
      writers.leave(path);
    }
  }

  /** Lets running calls end. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.store.guard.close();
  }
}
