import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../health/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf, withoutRegisterOptions } from "../http/index.js";
import {
  ConfigurationError,
  checkGivenOptions,
  type Environment,
  isVariableSet,
  loadSettings,
  type OptionRules,
  readEnvironment,
} from "../kernel/index.js";
import { Cache } from "./cache.js";
import { openStore } from "./open-store.js";
import { type CacheSettingOptions, cacheVariables } from "./settings.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The cache that `addCache` added. */
    cache: Cache;
  }
}

/** Options of {@link addCache}. */
export interface AddCacheOptions extends Omit<CacheSettingOptions, "prefix"> {
  /** Stands before every key in Redis: services that share one must each have their own. Default: `CACHE_PREFIX`, else `cache:`. */
  readonly keyPrefix?: string | undefined;
  /** Adds `GET /_health/cache` and a check to `/readyz` that is not critical. Default: true. */
  readonly health?: boolean | undefined;
  /** Default: `process.env` and the `.env` file. */
  readonly env?: Environment | undefined;
}

/** Options of {@link cachePlugin}. */
export interface CachePluginOptions extends AddCacheOptions {
  /** Puts the health route below it, like `/v1`. */
  readonly prefix?: string | undefined;
}

const rules: OptionRules<AddCacheOptions> = {
  call: "addCache",
  kinds: {
    url: "anything",
    keyPrefix: "string",
    ttlSeconds: "anything",
    maxEntries: "anything",
    timeoutMs: "anything",
    health: "boolean",
    env: "object",
  },
  instead: { ttl: "ttlSeconds", max: "maxEntries" },
};

/**
 * Gives an app a cache: in this process, or with `CACHE_URL` or `REDIS_URL` in a Redis that all processes share. A Redis
 * that is away costs misses and never an error, not even at start.
 *
 * @throws ConfigurationError when the settings are wrong, or `ioredis` is needed and not installed.
 * @example
 * const cache = await addCache(app);
 * const rates = await cache.getOrSet("rates", { ttlSeconds: 60 }, fetchRates);
 */
export async function addCache(app: AnyApp, options: AddCacheOptions = {}): Promise<Cache> {
  const fastify = fastifyOf(app);
  await fastify.register(cachePlugin, options);
  return fastify.cache;
}

/** {@link addCache} as a plugin. */
export const cachePlugin: FastifyPluginAsync<CachePluginOptions> = fastifyPlugin(mount, {
  name: "svc-infra/cache",
  fastify: "5.x",
});

/**
 * The cache of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none was added.
 *
 * @example
 * await getCache(request).delete("rates");
 */
export function getCache(from: AnyApp | AnyRequest): Cache {
  const app = appOf(from);
  if (app.hasDecorator("cache")) return app.cache;
  const message = "is not there; call 'await addCache(app)' first";
  throw new ConfigurationError([{ name: "app.cache", message }]);
}

async function mount(app: FastifyInstance, options: CachePluginOptions): Promise<void> {
  checkGivenOptions(withoutRegisterOptions(options), rules);
  const { env = readEnvironment(), health = true, prefix: root = "", keyPrefix, ...given } = options;
  const { url, maxEntries, ttlSeconds, timeoutMs } = given;
  const own = { url, maxEntries, ttlSeconds, timeoutMs, prefix: keyPrefix };
  const settings = loadSettings(cacheVariables, env, own);
  const store = await openStore(settings, app.log);
  const cache = new Cache(store, { ttlSeconds: settings.ttlSeconds, log: app.log });
  app.decorate("cache", cache);
  app.addHook("onClose", () => cache.close());
  if (health) {
    const facts = () => ({ store: store.type });
    await joinHealth(app, "cache", () => store.check(), { root, critical: false, facts });
  }
  const reason = reasonOf(env, url !== undefined);
  app.log.info({ store: store.type, reason }, `cache is ${store.type}: ${reason}`);
}

function reasonOf(env: Environment, hasOption: boolean): string {
  if (hasOption) return "option 'url' is set";
  const source = ["CACHE_URL", "REDIS_URL"].find((name) => isVariableSet(env, name));
  return source === undefined ? "neither CACHE_URL nor REDIS_URL is set" : `${source} is set`;
}
