import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";
import { errnoOf } from "./disk-error.js";

/** Places in the shared memory: whether a thread syncs just now, and the numbers of syncs begun and ended. */
const busy = 0;
const begun = 1;
const ended = 2;
/** After this the thread whose turn it is may have ended in the middle. */
const patienceMs = 5000;

/** Memory by which threads share the syncs of one folder. */
export function newTurns(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
}

/** Makes files and folders durable, or only pretends to when that was not asked for; the order is the same. */
export class Sync {
  readonly #isDurable: boolean;
  readonly #sharedFolder: string;
  readonly #turns: Int32Array;

  /** @param sharedFolder - where all threads write: one sync serves everyone who waited for it to begin. */
  constructor(isDurable: boolean, sharedFolder: string, turns: SharedArrayBuffer) {
    this.#isDurable = isDurable;
    this.#sharedFolder = sharedFolder;
    this.#turns = new Int32Array(turns);
  }

  file(fd: number): void {
    if (this.#isDurable) fdatasyncSync(fd);
  }

  folder(path: string): void {
    if (!this.#isDurable) return;
    if (path === this.#sharedFolder) this.#syncShared();
    else syncFolder(path);
  }

  /** Only a sync that begins from now on covers what the caller wrote. */
  #syncShared(): void {
    const before = Atomics.load(this.#turns, begun);
    while (Atomics.load(this.#turns, ended) <= before) {
      if (Atomics.compareExchange(this.#turns, busy, 0, 1) === 0) this.#lead();
      else if (Atomics.wait(this.#turns, busy, 1, patienceMs) === "timed-out") {
        syncFolder(this.#sharedFolder);
        return;
      }
    }
  }

  #lead(): void {
    const turn = Atomics.add(this.#turns, begun, 1) + 1;
    try {
      syncFolder(this.#sharedFolder);
      Atomics.store(this.#turns, ended, turn);
    } finally {
      Atomics.store(this.#turns, busy, 0);
      Atomics.notify(this.#turns, busy);
    }
  }
}

/** A folder that is gone has nothing left to keep: whoever removed it syncs its parent. */
function syncFolder(path: string): void {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
