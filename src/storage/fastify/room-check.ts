import { QuotaExceededError, type StorageOperation } from "../contract/error.js";
import type { EndedOperation } from "../operation-observers.js";
import type { Storage } from "../storage.js";

/** Milliseconds after which an old failure says nothing of the room that there is now. */
const keptMs = 60_000;

const writing: ReadonlySet<StorageOperation> = new Set([
  "put",
  "multipart",
  "completeUpload",
  "copy",
  "move",
]);

/**
 * Knows from the writes to a storage whether there is room left: a disk that is full still answers every question, and
 * files on it can still be read.
 */
export class RoomCheck {
  #fullSince = Number.NEGATIVE_INFINITY;
  /** Ends the watch. */
  readonly close: () => void;

  constructor({ observers }: Storage) {
    this.close = observers.add((ended) => this.#note(ended));
  }

  /** @throws Error while the last write found no room. */
  check(): void {
    if (performance.now() - this.#fullSince < keptMs) throw new Error("the last write found no room");
  }

  #note({ operation, error }: EndedOperation): void {
    if (!writing.has(operation)) return;
    if (error instanceof QuotaExceededError) this.#fullSince = performance.now();
    else if (error === undefined) this.#fullSince = Number.NEGATIVE_INFINITY;
  }
}
