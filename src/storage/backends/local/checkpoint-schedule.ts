import { setMaxListeners } from "node:events";
import { renameSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { DiskThreads } from "./disk-threads.js";
import { fullPath, isFull } from "./journal-name.js";
import type { Store, StoreSettings } from "./store.js";

const everyMs = 30_000;
/** Milliseconds that the end of a store waits for its last checkpoint. */
const lastMs = 300;

/** How many stores of this process add to the journals that begin with a prefix. */
const writers = new Map<string, number>();

/** Has journals cleared away: every now and then as long as a durable store is open, and when the last one closes. */
export class CheckpointSchedule {
  readonly #store: Store;
  readonly #threads: DiskThreads;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;
  #running: Promise<void> = Promise.resolve();

  constructor(store: Store, settings: StoreSettings) {
    this.#store = store;
    this.#threads = new DiskThreads(settings);
    this.#count(1);
    this.#timer = this.#later();
  }

  /** When the store's writes have ended. What is not done in time is left to the next one who opens the folder. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#controller.abort();
    await this.#running;
    const names = await this.#names();
    this.#count(-1);
    // In the same turn, before another store of this process may write.
    const ended = this.#writers === 0 ? names.filter((name) => this.#isAddedTo(name)).flatMap(this.#end) : [];
    await this.#settle(ended, true, AbortSignal.timeout(lastMs));
    await this.#threads.close();
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#running = this.#make();
    }, everyMs).unref();
  }

  /** However long one takes, the next begins after it. What fails is tried again. */
  async #make(): Promise<void> {
    const names = await this.#names();
    const others = names.filter((name) => !this.#isAddedTo(name));
    await this.#settle(others, false, this.#controller.signal);
    if (!this.#controller.signal.aborted) this.#timer = this.#later();
  }

  #names(): Promise<string[]> {
    return readdir(this.#store.layout.journals).catch(() => []);
  }

  async #settle(names: readonly string[], isOver: boolean, signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal);
    const jobs = names.map((name) => this.#threads.run("checkpoint", { name, isOver }, ignore, { signal }));
    await Promise.allSettled(jobs);
  }

  /** Whether a store of this process may add to a journal. */
  #isAddedTo(name: string): boolean {
    return name.startsWith(this.#store.namePrefix) && !isFull(name);
  }

  /** Nobody finds the journal under its old name to add to it. */
  readonly #end = (name: string): string[] => {
    const path = this.#store.layout.journal(name);
    try {
      renameSync(path, fullPath(path));
      return [fullPath(name)];
    } catch {
      return [];
    }
  };

  get #writers(): number {
    return writers.get(this.#store.namePrefix) ?? 0;
  }

  #count(more: number): void {
    const count = this.#writers + more;
    if (count > 0) writers.set(this.#store.namePrefix, count);
    else writers.delete(this.#store.namePrefix);
  }
}

function ignore(): void {}
