import { randomUUID } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { checkGivenOptions, type Logger, type OptionRules, silentLogger } from "../kernel/index.js";
import type { CacheStore, HeldLock } from "./cache-store.js";
import { MemoryStore } from "./memory-store.js";

/** How one entry is kept. */
export interface EntryOptions {
  /** Seconds that the entry is fresh, 0 to 31,622,400 (a year). Default: `CACHE_TTL_SECONDS`. */
  readonly ttlSeconds?: number | undefined;
  /** Seconds after that in which it is still answered, while one caller loads it anew, at most a year. Default: 0. */
  readonly staleSeconds?: number | undefined;
  /**
   * Share of `ttlSeconds`, 0 to 1, by which the end is moved up at random, so that entries do not all end at once.
   * Default: 0.1.
   */
  readonly jitter?: number | undefined;
  /** {@link Cache.invalidateTag} of any of these ends the entry. */
  readonly tags?: readonly string[] | undefined;
}

/** What a {@link Cache} is made of. */
export interface CacheOptions {
  /** Default: 300. */
  readonly ttlSeconds?: number | undefined;
  readonly log?: Logger | undefined;
}

const longestSeconds = 366 * 24 * 3600;

const rules: OptionRules<CacheOptions> = {
  call: "new Cache",
  kinds: { ttlSeconds: "number", log: "object" },
  ranges: { ttlSeconds: [0, longestSeconds] },
  instead: { ttl: "ttlSeconds", ttlMs: "ttlSeconds" },
};

/** How a read of the cache went. `svc-infra:cache:read` tells it with the type of the store. */
export interface CacheRead {
  readonly store: string;
  readonly result: "hit" | "stale" | "miss" | "error";
}

interface Entry {
  readonly value: unknown;
  readonly freshUntil: number;
  readonly staleUntil: number;
  /** Tag to the version that it had before the value was loaded. */
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** What is being loaded in this process. */
interface Loading {
  readonly key: string;
  readonly tags: readonly string[];
  /** Whether its key or one of its tags was ended meanwhile: later callers must not get the value. */
  isEnded: boolean;
}

const entryRules: OptionRules<EntryOptions> = {
  call: "the entry of a cache",
  kinds: { ttlSeconds: "number", staleSeconds: "number", jitter: "number", tags: "array" },
  ranges: { ttlSeconds: [0, longestSeconds], staleSeconds: [0, longestSeconds], jitter: [0, 1] },
  instead: { ttl: "ttlSeconds", ttlMs: "ttlSeconds" },
};

const reads = channel("svc-infra:cache:read");

const lockMs = 10_000;
const pollMs = 25;
/** A little longer than Redis rests after a failure. */
const unlockAgainMs = 1100;
/** Longer than any entry lives. */
const tagMs = 2 * 366 * 24 * 3600 * 1000;

/**
 * Values by key, loaded by one caller at a time. Values of the memory store are shared: treat them as read-only.
 *
 * A store that cannot be reached costs a miss and never an error.
 */
export class Cache {
  readonly store: CacheStore;
  readonly #memory: MemoryStore | undefined;
  readonly #ttlSeconds: number;
  readonly #log: Logger;
  readonly #loading = new Map<string, { readonly loading: Loading; readonly value: Promise<unknown> }>();
  #isClosed = false;

  /** @throws ConfigurationError for an unknown option. */
  constructor(store: CacheStore, options: CacheOptions = {}) {
    checkGivenOptions(options, rules);
    this.store = store;
    this.#memory = store instanceof MemoryStore ? store : undefined;
    this.#ttlSeconds = options.ttlSeconds ?? 300;
    this.#log = options.log ?? silentLogger;
  }

  /**
   * The value of a key; what is not there is loaded by one caller while the others wait for it, on Redis across all
   * processes. What `load` throws goes to all who wait, and is not kept.
   *
   * @throws ConfigurationError for an unknown option, or a number that is out of its range.
   * @example
   * const user = await cache.getOrSet(`user:${id}`, { ttlSeconds: 60, tags: ["users"] }, () => findUser(id));
   */
  getOrSet<T>(key: string, options: EntryOptions, load: () => Promise<T> | T): Promise<T> {
    const now = Date.now();
    const entry = this.#memory?.peek(entryKey(key), now) as Entry | undefined;
    if (entry !== undefined && entry.tags === undefined && entry.freshUntil > now) {
      this.#tell("hit");
      return Promise.resolve(entry.value as T);
    }
    return this.#getOrSet(key, options, load);
  }

  /** The value of a key, stale or fresh; `undefined` when the key has no value. */
  async get<T>(key: string): Promise<T | undefined> {
    const entry = await this.#read(key);
    this.#tell(entry === undefined ? "miss" : "hit");
    return entry?.value as T | undefined;
  }

  /**
   * Keeps a value, also against one that is being loaded now.
   *
   * @throws ConfigurationError for an unknown option, or a number that is out of its range.
   */
  async set(key: string, value: unknown, options: EntryOptions = {}): Promise<void> {
    checkGivenOptions(options, entryRules);
    this.#endLoading((loading) => loading.key === key);
    const tags = await this.#versionsOf(options.tags);
    const unlocked = this.#quietly(() => this.store.remove([lockKey(key)]), undefined);
    await Promise.all([unlocked, this.#write(key, value, options, tags)]);
  }

  /**
   * Ends some entries, also those that are being loaded now. Returns whether the store did it; when it could not be reached
   * they live until their own end.
   */
  delete(...keys: readonly string[]): Promise<boolean> {
    this.#endLoading(({ key }) => keys.includes(key));
    return this.#quietly(async () => {
      await this.store.remove([...keys.map(entryKey), ...keys.map(lockKey)]);
      return true;
    }, false);
  }

  /** Ends every entry with this tag, also one that is being loaded now. Returns whether the store did it. */
  invalidateTag(tag: string): Promise<boolean> {
    this.#endLoading(({ tags }) => tags.includes(tag));
    return this.#quietly(async () => {
      await this.store.write(tagKey(tag), randomUUID(), tagMs);
      return true;
    }, false);
  }

  /** Releases what the store holds. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.store.close();
  }

  async #getOrSet<T>(key: string, options: EntryOptions, load: () => Promise<T> | T): Promise<T> {
    checkGivenOptions(options, entryRules);
    const before = this.#loading.get(key);
    const entry = await this.#read(key);
    if (entry === undefined) {
      this.#tell("miss");
      const running = this.#loading.get(key) ?? (before?.loading.isEnded === false ? before : undefined);
      return (await (running?.value ?? this.#load(key, options, load))) as T;
    }
    const isFresh = entry.freshUntil > Date.now();
    this.#tell(isFresh ? "hit" : "stale");
    if (!isFresh && !this.#loading.has(key)) {
      this.#load(key, options, load, entry).catch((error: unknown) =>
        this.#log.warn({ err: error }, "a stale entry of the cache could not be loaded anew"),
      );
    }
    return entry.value as T;
  }

  /** @param stale - what is answered meanwhile, so that no caller waits for another process. */
  #load<T>(key: string, options: EntryOptions, load: () => Promise<T> | T, stale?: Entry): Promise<unknown> {
    const loading: Loading = { key, tags: options.tags ?? [], isEnded: false };
    const value = this.#loadLocked(loading, options, load, stale).finally(() => {
      if (!loading.isEnded) this.#loading.delete(key);
    });
    this.#loading.set(key, { loading, value });
    return value;
  }

  #endLoading(isMeant: (loading: Loading) => boolean): void {
    for (const { loading } of this.#loading.values()) {
      if (!isMeant(loading)) continue;
      loading.isEnded = true;
      this.#loading.delete(loading.key);
    }
  }

  async #loadLocked<T>(
    loading: Loading,
    options: EntryOptions,
    load: () => Promise<T> | T,
    stale: Entry | undefined,
  ): Promise<unknown> {
    if (this.#memory !== undefined) return this.#loadNow(loading, options, load);
    const { key } = loading;
    const owner = randomUUID();
    while (!(await this.#quietly(() => this.store.add(lockKey(key), owner, lockMs), true))) {
      if (stale !== undefined) return stale.value;
      await sleep(pollMs + Math.random() * pollMs);
      const entry = await this.#read(key);
      if (entry !== undefined) return entry.value;
    }
    const renew = () => this.#quietly(() => this.store.renewIf(lockKey(key), owner, lockMs), undefined);
    const timer = setInterval(renew, lockMs / 3).unref();
    try {
      // Another process may have loaded it between this one's look and its lock.
      const entry = await this.#read(key);
      const isFresh = entry !== undefined && entry.freshUntil > Date.now();
      return isFresh ? entry.value : await this.#loadNow(loading, options, load, owner);
    } finally {
      clearInterval(timer);
      await this.#unlock(key, owner);
    }
  }

  /** Gives the lock back, else all callers wait for its end. A store that is away is asked once more, after its rest. */
  async #unlock(key: string, owner: string): Promise<void> {
    const remove = async () => {
      await this.store.removeIf(lockKey(key), owner);
      return true;
    };
    if (await this.#quietly(remove, false)) return;
    const again = () => this.#isClosed || remove().catch(() => undefined);
    setTimeout(again, unlockAgainMs).unref();
  }

  /**
   * The versions of the tags are taken before: what ends a tag meanwhile ends the value as well. What ends the key meanwhile
   * takes the lock away.
   *
   * @param owner - of the lock, where there is one.
   */
  async #loadNow<T>(
    loading: Loading,
    options: EntryOptions,
    load: () => Promise<T> | T,
    owner?: string,
  ): Promise<T> {
    const { key } = loading;
    const tags = await this.#versionsOf(options.tags);
    const value = await load();
    const lock = owner === undefined ? undefined : ([lockKey(key), owner] as const);
    if (!loading.isEnded) await this.#write(key, value, options, tags, lock);
    return value;
  }

  /** @param tags - `undefined` where the store could not tell: the entry is not kept then. */
  async #write(
    key: string,
    value: unknown,
    { ttlSeconds = this.#ttlSeconds, staleSeconds = 0, jitter = 0.1, tags: names = [] }: EntryOptions,
    tags: Readonly<Record<string, string>> | undefined,
    lock?: HeldLock,
  ): Promise<void> {
    if (value === undefined || (tags === undefined && names.length > 0)) return;
    const ttlMs = ttlSeconds * 1000 * (1 - Math.random() * jitter);
    const freshUntil = Date.now() + ttlMs;
    const entry: Entry = { value, freshUntil, staleUntil: freshUntil + staleSeconds * 1000, tags };
    const keptMs = Math.max(1, Math.ceil(ttlMs + staleSeconds * 1000));
    await this.#quietly(() => this.store.write(entryKey(key), entry, keptMs, lock), undefined, isUncloneable);
  }

  /** The entry, unless one of its tags has ended. */
  async #read(key: string): Promise<Entry | undefined> {
    return this.#quietly(async () => {
      const [found] = await this.store.read([entryKey(key)]);
      const entry = found as Entry | undefined;
      if (entry?.tags === undefined) return entry;
      const names = Object.keys(entry.tags);
      const versions = await this.store.read(names.map(tagKey));
      return names.every((name, index) => versions[index] === entry.tags?.[name]) ? entry : undefined;
    }, undefined);
  }

  async #versionsOf(tags: readonly string[] = []): Promise<Readonly<Record<string, string>> | undefined> {
    if (tags.length === 0) return undefined;
    return this.#quietly(async () => {
      const versions = await this.store.read(tags.map(tagKey));
      const known = tags.map(async (tag, index) => [tag, versions[index] ?? (await this.#newVersion(tag))]);
      return Object.fromEntries(await Promise.all(known));
    }, undefined);
  }

  async #newVersion(tag: string): Promise<unknown> {
    await this.store.add(tagKey(tag), randomUUID(), tagMs);
    const [version] = await this.store.read([tagKey(tag)]);
    return version;
  }

  /** What the store throws costs `instead`; only what `isFault` knows is the caller's own fault. */
  async #quietly<T>(
    ask: () => Promise<T>,
    instead: T,
    isFault: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (isFault(error)) throw error;
      this.#tell("error");
      return instead;
    }
  }

  #tell(result: CacheRead["result"]): void {
    if (reads.hasSubscribers) reads.publish({ store: this.store.type, result } satisfies CacheRead);
  }
}

/** A function or a class's instance with secrets of its own cannot be kept: that is a mistake of the program. */
function isUncloneable(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === "DataCloneError" || /could not be cloned/.test(error.message))
  );
}

/** As it is, since a hit is looked up by it; what begins like a tag or a lock gets a name of its own. */
function entryKey(key: string): string {
  return key.charCodeAt(0) === 0 ? `\0e:${key}` : key;
}

function tagKey(tag: string): string {
  return `\0t:${tag}`;
}

function lockKey(key: string): string {
  return `\0l:${key}`;
}
