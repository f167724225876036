import { ConfigurationError } from "../kernel/index.js";

/** Remembers ids of messages, so that a message is handled once. Several processes share one in a cache or database. */
export interface ReceivedIds {
  /** Takes an id: `claimed`, or that the message is being handled (`running`) or was handled (`done`). */
  claim(id: string): "claimed" | "running" | "done" | Promise<"claimed" | "running" | "done">;
  /** Ends a claim: handled, or to be tried again. */
  settle(id: string, isHandled: boolean): void | Promise<void>;
  /** Milliseconds that a handled id is remembered; checked against the tolerance of timestamps where it is known. */
  readonly windowMs?: number | undefined;
}

/**
 * Ids in the memory of this process.
 *
 * @param windowMs - milliseconds that a handled id is remembered; at least twice the tolerance of timestamps.
 * @param maxIds - most ids that are remembered; the oldest are forgotten first.
 */
export class MemoryReceivedIds implements ReceivedIds {
  readonly windowMs: number;
  readonly #maxIds: number;
  readonly #now: () => number;
  /** When each handled id expires, in that order; `undefined` while its message is being handled. */
  readonly #ids = new Map<string, number | undefined>();

  constructor(windowMs = 15 * 60_000, maxIds = 100_000, now: () => number = Date.now) {
    if (![windowMs, maxIds].every((each) => Number.isFinite(each) && each > 0)) {
      const message = "takes milliseconds and a number of ids, as in new MemoryReceivedIds(900_000, 100_000)";
      throw new ConfigurationError([{ name: "new MemoryReceivedIds", message }]);
    }
    this.windowMs = windowMs;
    this.#maxIds = maxIds;
    this.#now = now;
  }

  claim(id: string): "claimed" | "running" | "done" {
    this.#forget();
    if (this.#ids.has(id)) return this.#ids.get(id) === undefined ? "running" : "done";
    this.#ids.set(id, undefined);
    return "claimed";
  }

  settle(id: string, isHandled: boolean): void {
    this.#ids.delete(id);
    if (isHandled) this.#ids.set(id, this.#now() + this.windowMs);
  }

  #forget(): void {
    const now = this.#now();
    for (const [id, end] of this.#ids) {
      if (end === undefined) continue;
      if (end > now && this.#ids.size <= this.#maxIds) return;
      this.#ids.delete(id);
    }
  }
}
