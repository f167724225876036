import { readdir } from "node:fs/promises";
import type { DiskThreads } from "./disk-threads.js";
import { isFull } from "./journal-name.js";

const everyMs = 30_000;

/** Has journals cleared away, as long as a durable store is open. */
export class PeriodicCheckpoint {
  readonly #threads: DiskThreads;
  readonly #folder: string;
  readonly #ownPrefix: string;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  /** @param folder - where the journals are; the names of this process's begin with `ownPrefix`. */
  constructor(threads: DiskThreads, folder: string, ownPrefix: string) {
    this.#threads = threads;
    this.#folder = folder;
    this.#ownPrefix = ownPrefix;
    this.#timer = this.#later();
  }

  /** What is not done by now is left to the next one who opens the folder. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => void this.#make(), everyMs).unref();
  }

  /** One after the other, however long they take. What fails is tried again. */
  async #make(): Promise<void> {
    await this.#ask().catch(ignore);
    if (!this.#controller.signal.aborted) this.#timer = this.#later();
  }

  /** No thread is started for nothing. */
  async #ask(): Promise<void> {
    const names = await readdir(this.#folder);
    if (names.every((name) => name.startsWith(this.#ownPrefix) && !isFull(name))) return;
    await this.#threads.run("checkpoint", {}, ignore, { signal: this.#controller.signal });
  }
}

function ignore(): void {}
