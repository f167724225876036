import { deserialize, serialize } from "node:v8";
import type { Redis } from "ioredis";
import { type Logger, loadPeer } from "../kernel/index.js";
import type { CacheStore, HeldLock } from "./cache-store.js";

/** What a {@link RedisStore} is made of. */
export interface RedisStoreOptions {
  readonly url: string;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

const removeIf = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0";
const writeIf =
  "return redis.call('get', KEYS[2]) == ARGV[2] and redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[3]) or 0";
const renewIf =
  "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0";

/** Milliseconds in which a Redis that could not be reached is not asked again, so that not every request waits for it. */
const restMs = 1000;

/** Entries in a Redis that all processes share. Values are kept as V8 serialises them. */
export class RedisStore implements CacheStore {
  readonly type = "redis";
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #log: Logger;
  #restsUntil = 0;
  #isRefusalTold = false;

  private constructor(redis: Redis, { prefix, log }: RedisStoreOptions) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#log = log;
  }

  /** Connects in the background: a Redis that is away costs misses and no start. */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const { url, timeoutMs, log } = options;
    const { Redis: Client } = await loadPeer("ioredis", "addCache on Redis", () => import("ioredis"));
    const redis = new Client(url, {
      commandTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: true,
      retryStrategy: (attempt) => Math.min(attempt * 100, 2000),
    });
    let isTold = false;
    redis.on("ready", () => {
      isTold = false;
    });
    redis.on("error", (error: Error) => {
      if (!isTold)
        log.warn({ code: Object(error).code }, "the cache's Redis cannot be reached: every read is a miss");
      isTold = true;
    });
    return new RedisStore(redis, options);
  }

  async read(keys: readonly string[]): Promise<readonly unknown[]> {
    const found = await this.#ask(() => this.#redis.mgetBuffer(keys.map((key) => this.#prefix + key)));
    return found.map(decode);
  }

  async write(key: string, value: unknown, ttlMs: number, lock?: HeldLock): Promise<void> {
    const bytes = serialize(value);
    const name = this.#prefix + key;
    if (lock === undefined) await this.#ask(() => this.#redis.set(name, bytes, "PX", ttlMs));
    else {
      const [lockKey, owner] = [this.#prefix + lock[0], serialize(lock[1])];
      await this.#ask(() => this.#redis.eval(writeIf, 2, name, lockKey, bytes, owner, ttlMs));
    }
  }

  async add(key: string, value: string, ttlMs: number): Promise<boolean> {
    const bytes = serialize(value);
    const answer = await this.#ask(() => this.#redis.set(this.#prefix + key, bytes, "PX", ttlMs, "NX"));
    return answer === "OK";
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#ask(() => this.#redis.del(keys.map((key) => this.#prefix + key)));
  }

  async removeIf(key: string, value: string): Promise<void> {
    await this.#ask(() => this.#redis.eval(removeIf, 1, this.#prefix + key, serialize(value)));
  }

  async renewIf(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#ask(() => this.#redis.eval(renewIf, 1, this.#prefix + key, serialize(value), ttlMs));
  }

  async check(): Promise<void> {
    await this.#redis.ping();
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    if (Date.now() < this.#restsUntil) throw new Error("the cache's Redis could not be reached a moment ago");
    try {
      return await command();
    } catch (error) {
      // A Redis that refuses a command can be reached.
      if (Object(error).name === "ReplyError") this.#tellRefusal(error);
      else this.#restsUntil = Date.now() + restMs;
      throw error;
    }
  }

  /** Such as a script that an access list forbids: every write may be lost, and nothing else says so. */
  #tellRefusal(error: unknown): void {
    if (!this.#isRefusalTold)
      this.#log.warn({ reason: Object(error).message }, "the cache's Redis refused a command");
    this.#isRefusalTold = true;
  }
}

/** What another version of V8 wrote and this one cannot read counts as absent. */
function decode(bytes: Buffer | null): unknown {
  if (bytes === null) return undefined;
  try {
    return deserialize(bytes);
  } catch {
    return undefined;
  }
}
