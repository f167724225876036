import { readdir } from "node:fs/promises";
import { sharedSignal } from "../../contract/abortable.js";
import { isBusy } from "./disk-error.js";
import { DiskThreads } from "./disk-threads.js";
import { isSealed, seal } from "./journal-name.js";
import type { Store, StoreSettings } from "./store.js";

const intervalMs = 30_000;
/** Milliseconds that the end of a store waits for its last checkpoints. */
const maxCloseMs = 500;

/** How many stores add to the journals whose names begin with a prefix. */
const writers = new Map<string, number>();

/**
 * Has checkpoints made: now and then of journals that are over, and of all that was written when the last store of a
 * user (a copy of this module, on one folder) closes.
 */
export class CheckpointSchedule {
  readonly #store: Store;
  readonly #threads: DiskThreads;
  readonly #closing = new AbortController();
  #isWarned = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void>;

  constructor(store: Store, settings: StoreSettings) {
    this.#store = store;
    this.#threads = new DiskThreads(settings);
    this.#count(1);
    this.#running = this.#make();
  }

  /** When the store's writes have ended. What is not done in time is left to the next one who opens the folder. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await this.#running;
    const names = await this.#journals();
    this.#count(-1);
    // In the same turn, before another store may write.
    const sealed = this.#writers === 0 ? this.#seal(names) : [];
    await this.#checkpoint(sealed, true, AbortSignal.timeout(maxCloseMs));
    await this.#threads.close();
  }

  /** However long it takes, the next one begins after it. What fails is tried again. */
  async #make(): Promise<void> {
    const { signal } = this.#closing;
    const names = await this.#journals();
    const others = names.filter((name) => !this.#isAddedTo(name));
    await this.#checkpoint(others, false, signal);
    if (!signal.aborted) this.#timer = setTimeout(() => this.#makeAgain(), intervalMs).unref();
  }

  #makeAgain(): void {
    this.#running = this.#make();
  }

  /** All at once, as there are threads. */
  async #checkpoint(names: readonly string[], isOver: boolean, signal: AbortSignal): Promise<void> {
    const shared = { signal: sharedSignal(signal) };
    const jobs = names.map((name) => this.#threads.run("checkpoint", { name, isOver }, () => {}, shared));
    await Promise.all(jobs.map((job) => this.#attempt(job, signal)));
  }

  /** Nobody waits for this work, so somebody has to be told if it does not get done. */
  async #attempt(work: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (this.#isWarned || signal.aborted || isBusy(error)) return;
      this.#isWarned = true;
      const why = `${error instanceof Error ? error.message : error}`;
      process.emitWarning(`Metadata in ${this.#store.layout.own} could not be synced: ${why}`, {
        detail: `No acknowledged write is lost. It is tried again every ${intervalMs / 1000} seconds.`,
      });
    }
  }

  /** None where they are reached by a link. */
  async #journals(): Promise<string[]> {
    const { layout, realFolders } = this.#store;
    try {
      return (await realFolders.isRealLater(layout.journals)) ? await readdir(layout.journals) : [];
    } catch {
      return [];
    }
  }

  #seal(names: readonly string[]): string[] {
    const ours = names.filter((name) => this.#isAddedTo(name));
    return ours.flatMap((name) => seal(this.#store.layout.journals, name) ?? []);
  }

  /** Whether a store of this user may add to a journal. */
  #isAddedTo(name: string): boolean {
    return name.startsWith(this.#store.namePrefix) && !isSealed(name);
  }

  get #writers(): number {
    return writers.get(this.#store.namePrefix) ?? 0;
  }

  #count(more: number): void {
    const count = this.#writers + more;
    if (count > 0) writers.set(this.#store.namePrefix, count);
    else writers.delete(this.#store.namePrefix);
  }
}
