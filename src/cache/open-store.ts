import { ConfigurationError, type Logger, silentLogger } from "../kernel/index.js";
import type { CacheStore } from "./cache-store.js";
import { MemoryStore } from "./memory-store.js";
import { RedisStore } from "./redis-store.js";
import { type CacheSettings, cacheVariables } from "./settings.js";

/**
 * Opens the store that the settings name; reaches nothing.
 *
 * @throws ConfigurationError for a URL of another kind, and when `ioredis` is not installed.
 */
export async function openStore(settings: CacheSettings, log: Logger = silentLogger): Promise<CacheStore> {
  const url = settings.url?.reveal() ?? "memory://";
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: "" };
  if (protocol === "memory:") return new MemoryStore(settings.maxEntries);
  if (protocol === "redis:" || protocol === "rediss:") {
    const { prefix, timeoutMs } = settings;
    return RedisStore.open({ url, prefix, timeoutMs, log });
  }
  const { name, aliases = [], expected } = cacheVariables.url;
  throw new ConfigurationError([
    { name: `${name} or ${aliases.join(" or ")}`, message: `expected ${expected}` },
  ]);
}
