import type { FileFingerprint, ObjectRecord } from "./record.js";

interface Entry {
  readonly file: FileFingerprint;
  readonly record: ObjectRecord;
}

/** About 400 bytes each. */
const maxEntries = 20_000;

/**
 * Records of objects that were read or written lately. Each is used only for a body with its fingerprint, so
 * what other processes write is noticed and nothing here can be stale.
 */
export class RecordCache {
  readonly #entries = new Map<string, Entry>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, file: FileFingerprint, record: ObjectRecord): void {
    this.#entries.delete(key);
    this.#entries.set(key, { file, record });
    if (this.#entries.size <= maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
