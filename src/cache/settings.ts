import { z } from "zod";
import {
  redisAddress,
  type SettingOptions,
  type SettingsOf,
  secretText,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";

/** Settings of the cache. */
export const cacheVariables = {
  url: variable({
    name: "CACHE_URL",
    aliases: ["REDIS_URL"],
    type: z.union([redisAddress, secretText().refine((url) => url.reveal() === "memory://")]),
    expected: "memory:// or a URL of redis:// or rediss://",
    help: "Where the cache is: in this process, or in a Redis that all processes share.",
    secret: true,
    defaultText: "`memory://`",
  }),
  prefix: variable({
    name: "CACHE_PREFIX",
    type: text,
    expected: "a text that is not empty",
    help: "Stands before every key in Redis, also of idempotency keys; services that share a server must each have their own. `easyServiceApp` puts its name before the default.",
    default: "cache:",
  }),
  ttlSeconds: variable({
    name: "CACHE_TTL_SECONDS",
    type: wholeNumber({ min: 1, max: 31_536_000 }),
    expected: "a whole number of seconds from 1 to 31536000",
    help: "How long an entry is fresh when the call does not say.",
    default: 300,
  }),
  maxEntries: variable({
    name: "CACHE_MAX_ENTRIES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number above 0",
    help: "Most entries that the cache in this process keeps.",
    default: 10_000,
  }),
  timeoutMs: variable({
    name: "CACHE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: 60_000 }),
    expected: "a whole number of milliseconds from 1 to 60000",
    help: "Milliseconds after which a Redis that does not answer counts as a miss.",
    default: 500,
  }),
};

/** Values of {@link cacheVariables}. */
export type CacheSettings = SettingsOf<typeof cacheVariables>;

/** Settings given in code, each beating its variable. */
export type CacheSettingOptions = SettingOptions<typeof cacheVariables>;
