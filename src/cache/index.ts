export { Cache, type CacheOptions, type CacheRead, type EntryOptions } from "./cache.js";
export type { CacheStore, HeldLock } from "./cache-store.js";
export { openStore } from "./open-store.js";
export { type AddCacheOptions, addCache, type CachePluginOptions, cachePlugin, getCache } from "./plugin.js";
export { type CacheSettings, cacheVariables } from "./settings.js";
