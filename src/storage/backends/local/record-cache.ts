import { maxSmallBytes } from "./incoming.js";
import { type FileFingerprint, noFile, type ObjectRecord } from "./record.js";

/** A record and the file it was found to belong to. */
export interface KnownObject {
  readonly file: FileFingerprint;
  readonly record: ObjectRecord | undefined;
  /** Bytes that a read of it may need at once; what does not fit is left in the open file. */
  readonly room: number;
}

/** In the shape of a kept entry, so that compiled code meets one shape only. */
const unknownObject: KnownObject = { file: noFile, record: undefined, room: maxSmallBytes };

/** Entries of one generation, of which two are kept; an entry takes about 400 bytes. */
const maxEntries = 10_000;

/**
 * Records of objects that were read or written lately. Each is used only for a body with its fingerprint, so
 * what other processes write is noticed and nothing here can be stale.
 *
 * When the young generation is full it becomes the old one, and the old one is forgotten: to drop the oldest
 * entry of one large `Map` each time costs more the more holes that leaves.
 */
export class RecordCache {
  #young = new Map<string, KnownObject>();
  #old = new Map<string, KnownObject>();

  /** With no record where none is kept. */
  get(key: string): KnownObject {
    return this.#young.get(key) ?? this.#old.get(key) ?? unknownObject;
  }

  set(key: string, file: FileFingerprint, record: ObjectRecord): void {
    if (this.#young.size >= maxEntries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const room = file.size > maxSmallBytes ? 0 : file.size;
    this.#young.set(key, { file, record, room });
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
