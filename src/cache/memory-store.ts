import type { CacheStore, HeldLock } from "./cache-store.js";

interface Entry {
  readonly value: unknown;
  expiresAt: number;
  wasRead: boolean;
}

/** Entries in this process. When there are too many, the oldest one that was not read since the last look goes. */
export class MemoryStore implements CacheStore {
  readonly type = "memory";
  readonly #entries = new Map<string, Entry>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** The value, at once. */
  peek(key: string, now: number = Date.now()): unknown {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt <= now) {
      this.#entries.delete(key);
      return undefined;
    }
    entry.wasRead = true;
    return entry.value;
  }

  async read(keys: readonly string[]): Promise<readonly unknown[]> {
    return keys.map((key) => this.peek(key));
  }

  /** The clone refuses on a laptop what Redis could not keep in production. */
  async write(key: string, value: unknown, ttlMs: number, lock?: HeldLock): Promise<void> {
    if (lock !== undefined && this.peek(lock[0]) !== lock[1]) return;
    this.#keep(key, structuredClone(value), ttlMs);
  }

  async add(key: string, value: string, ttlMs: number): Promise<boolean> {
    if (this.peek(key) !== undefined) return false;
    this.#keep(key, value, ttlMs);
    return true;
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
  }

  async removeIf(key: string, value: string): Promise<void> {
    if (this.peek(key) === value) this.#entries.delete(key);
  }

  async renewIf(key: string, value: string, ttlMs: number): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry?.value !== value) return;
    entry.expiresAt = Date.now() + ttlMs;
    entry.wasRead = true;
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.#entries.clear();
  }

  #keep(key: string, value: unknown, ttlMs: number): void {
    this.#entries.delete(key);
    // Room is made first: a new entry must not be the one that goes.
    while (this.#entries.size >= this.#maxEntries) this.#evictOne();
    this.#entries.set(key, { value, expiresAt: Date.now() + ttlMs, wasRead: false });
  }

  #evictOne(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (!entry.wasRead) return;
      entry.wasRead = false;
      this.#entries.set(key, entry);
    }
  }
}
