import type { openRateLimitRedis } from "../../http/index.js";

/** What was counted for one subject in its window: requests, or bytes. */
export interface WindowCount {
  readonly amount: number;
  /** Milliseconds until the window ends. */
  readonly leftMs: number;
}

/** Counts by subject, in windows that begin with the first count. */
export interface Counter {
  /** Adds to the window of a subject; `undefined` while nothing can be counted. */
  add(subject: string, amount: number): Promise<WindowCount | undefined> | WindowCount;
}

interface Window {
  amount: number;
  readonly endsAt: number;
}

/** The most subjects of a counter in memory: a client may have millions of addresses. */
const maxSubjects = 100_000;

/** Counts for one process; of too many subjects the window that began first is forgotten. */
export class MemoryCounter implements Counter {
  readonly #windowMs: number;
  /** In the order in which they end. */
  readonly #windows = new Map<string, Window>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(subject: string, amount: number): WindowCount {
    const now = performance.now();
    this.#forget(now);
    const window = this.#windows.get(subject) ?? { amount: 0, endsAt: now + this.#windowMs };
    window.amount += amount;
    this.#windows.set(subject, window);
    return { amount: window.amount, leftMs: window.endsAt - now };
  }

  #forget(now: number): void {
    for (const [subject, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size <= maxSubjects) return;
      this.#windows.delete(subject);
    }
  }
}

/** A key without an expiry would count for ever: it is given one in the same step. */
const addInRedis = `
local amount = redis.call("INCRBY", KEYS[1], ARGV[1])
local leftMs = redis.call("PTTL", KEYS[1])
if leftMs < 0 then
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
  leftMs = tonumber(ARGV[2])
end
return { amount, leftMs }`;

/** Counts for all processes; while Redis does not answer, nothing is counted. */
export class RedisCounter implements Counter {
  readonly #redis: Awaited<ReturnType<typeof openRateLimitRedis>>;
  readonly #prefix: string;
  readonly #windowMs: number;

  /** @param prefix - of all its keys. */
  constructor(redis: Awaited<ReturnType<typeof openRateLimitRedis>>, prefix: string, windowMs: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#windowMs = windowMs;
  }

  async add(subject: string, amount: number): Promise<WindowCount | undefined> {
    try {
      const answer = await this.#redis.eval(addInRedis, 1, this.#prefix + subject, amount, this.#windowMs);
      const [counted, leftMs] = answer as [number, number];
      return { amount: counted, leftMs };
    } catch {
      return undefined;
    }
  }
}
