import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";
import { errnoOf } from "./disk-error.js";

/** Places in the shared memory: whether a thread syncs just now, and the numbers of syncs begun and ended. */
const busy = 0;
const begun = 1;
const ended = 2;
/** After this the thread whose turn it is may have ended in the middle. */
const patienceMs = 5000;

const numbersEach = 3;
/** Stores of a process that can share syncs; those behind do each their own. */
const maxTurns = 256;

/** Memory by which threads share the syncs of one folder for each store. */
export function newTurns(): SharedArrayBuffer {
  return new SharedArrayBuffer(maxTurns * numbersEach * Int32Array.BYTES_PER_ELEMENT);
}

/** The part of one store. */
export function turnsOf(turns: SharedArrayBuffer, turn: number): Int32Array | undefined {
  if (turn >= maxTurns) return undefined;
  return new Int32Array(turns, turn * numbersEach * Int32Array.BYTES_PER_ELEMENT, numbersEach);
}

/** Makes files and folders durable, or only pretends to when that was not asked for; the order is the same. */
export class Sync {
  readonly #isDurable: boolean;
  readonly #sharedFolder: string;
  readonly #turns: Int32Array | undefined;

  /** @param sharedFolder - where all threads write: one sync serves everyone who waited for it to begin. */
  constructor(isDurable: boolean, sharedFolder: string, turns: Int32Array | undefined) {
    this.#isDurable = isDurable;
    this.#sharedFolder = sharedFolder;
    this.#turns = turns;
  }

  file(fd: number): void {
    if (this.#isDurable) fdatasyncSync(fd);
  }

  folder(path: string): void {
    if (!this.#isDurable) return;
    if (path === this.#sharedFolder && this.#turns !== undefined) this.#syncShared(this.#turns);
    else syncFolder(path);
  }

  /** Only a sync that begins from now on covers what the caller wrote. */
  #syncShared(turns: Int32Array): void {
    const before = Atomics.load(turns, begun);
    while (Atomics.load(turns, ended) <= before) {
      if (Atomics.compareExchange(turns, busy, 0, 1) === 0) this.#lead(turns);
      else if (Atomics.wait(turns, busy, 1, patienceMs) === "timed-out") {
        syncFolder(this.#sharedFolder);
        return;
      }
    }
  }

  #lead(turns: Int32Array): void {
    const turn = Atomics.add(turns, begun, 1) + 1;
    try {
      syncFolder(this.#sharedFolder);
      Atomics.store(turns, ended, turn);
    } finally {
      Atomics.store(turns, busy, 0);
      Atomics.notify(turns, busy);
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
