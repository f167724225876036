import type { openRateLimitRedis } from "../../http/index.js";
import type { ByteCounter, CountedBytes } from "./byte-rate.js";

interface Window {
  bytes: number;
  readonly endsAt: number;
}

/** Counts the bytes of one process. */
export class MemoryByteCounter implements ByteCounter {
  readonly #windowMs: number;
  /** In the order in which they end. */
  readonly #windows = new Map<string, Window>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(subject: string, bytes: number): CountedBytes {
    const now = performance.now();
    this.#forgetEnded(now);
    const window = this.#windows.get(subject) ?? { bytes: 0, endsAt: now + this.#windowMs };
    window.bytes += bytes;
    this.#windows.set(subject, window);
    return { bytes: window.bytes, leftMs: window.endsAt - now };
  }

  #forgetEnded(now: number): void {
    for (const [subject, { endsAt }] of this.#windows) {
      if (endsAt > now) return;
      this.#windows.delete(subject);
    }
  }
}

/** A key without an expiry would count for ever: it is given one in the same step. */
const addInRedis = `
local bytes = redis.call("INCRBY", KEYS[1], ARGV[1])
local leftMs = redis.call("PTTL", KEYS[1])
if leftMs < 0 then
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
  leftMs = tonumber(ARGV[2])
end
return { bytes, leftMs }`;

/** Counts the bytes of all processes; while Redis does not answer, nothing is counted. */
export class RedisByteCounter implements ByteCounter {
  readonly #redis: Awaited<ReturnType<typeof openRateLimitRedis>>;
  readonly #prefix: string;
  readonly #windowMs: number;

  /** @param prefix - of all its keys. */
  constructor(redis: Awaited<ReturnType<typeof openRateLimitRedis>>, prefix: string, windowMs: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#windowMs = windowMs;
  }

  async add(subject: string, bytes: number): Promise<CountedBytes | undefined> {
    try {
      const answer = await this.#redis.eval(addInRedis, 1, this.#prefix + subject, bytes, this.#windowMs);
      const [counted, leftMs] = answer as [number, number];
      return { bytes: counted, leftMs };
    } catch {
      return undefined;
    }
  }
}
