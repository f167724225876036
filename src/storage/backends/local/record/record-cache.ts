import type { FileFingerprint, ObjectRecord } from "./record.js";

/** A record and the file it was found to belong to. */
export interface KnownObject {
  readonly file: FileFingerprint;
  readonly record: ObjectRecord;
}

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

  get(key: string): KnownObject | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, object: KnownObject): void {
    if (this.#young.size >= maxEntries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, object);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
