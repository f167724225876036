/** A key that a caller holds as a lock, and the value by which the caller knows it. */
export type HeldLock = readonly [key: string, value: string];

/**
 * Where entries are kept. Values are all that a structured clone can hold. A store that cannot be reached throws; the
 * cache treats that as a miss.
 */
export interface CacheStore {
  /** `memory` or `redis`; fit for a label. */
  readonly type: string;
  /** The values of some keys, `undefined` for each that is not there. */
  read(keys: readonly string[]): Promise<readonly unknown[]>;
  /** @param lock - nothing is written unless it is still held. */
  write(key: string, value: unknown, ttlMs: number, lock?: HeldLock): Promise<void>;
  /** Writes only where there is nothing. Returns whether it did; of many callers exactly one gets `true`. */
  add(key: string, value: string, ttlMs: number): Promise<boolean>;
  remove(keys: readonly string[]): Promise<void>;
  /** Removes the key only while it holds this value. */
  removeIf(key: string, value: string): Promise<void>;
  /** Gives the key a new time to live while it holds this value. */
  renewIf(key: string, value: string, ttlMs: number): Promise<void>;
  /** Reaches the store once. */
  check(): Promise<void>;
  close(): Promise<void>;
}
