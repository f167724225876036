import type { FastifyInstance } from "fastify";
import { joinHealth } from "../health/index.js";
import { HttpError } from "../http/index.js";
import { loadPeer } from "../kernel/index.js";
import { type AppSettings, appVariables } from "./settings.js";

/** Milliseconds after which a request is admitted without having been counted. */
const commandTimeoutMs = 250;

type RateLimitSettings = Pick<AppSettings, "rateLimitMax" | "rateLimitWindowMs" | "redisUrl">;

/**
 * Limits the requests of each client: by address, an IPv6 one by its /64. Routes that were there before are not
 * limited.
 * With `REDIS_URL` all processes count together; while Redis does not answer, requests pass uncounted and `/readyz`
 * tells it.
 *
 * @param name - the service, which stands before its keys in Redis.
 */
export async function addRateLimit(
  app: FastifyInstance,
  name: string,
  settings: RateLimitSettings,
): Promise<void> {
  if (settings.rateLimitMax === 0) return;
  const { default: rateLimit } = await import("@fastify/rate-limit");
  const redis =
    settings.redisUrl === undefined ? undefined : await openRedis(app, settings.redisUrl.reveal());
  await app.register(rateLimit, {
    max: settings.rateLimitMax,
    timeWindow: settings.rateLimitWindowMs,
    enableDraftSpec: true,
    skipOnError: true,
    ...(redis === undefined ? {} : { redis, nameSpace: `${name}:rate:` }),
    errorResponseBuilder: (_request, { max, ttl }) =>
      new HttpError(
        429,
        "rate_limited",
        `more than ${max} requests; try again in ${Math.ceil(ttl / 1000)} s`,
      ),
  });
}

async function openRedis(app: FastifyInstance, url: string) {
  const { Redis } = await loadPeer(
    "ioredis",
    `${appVariables.redisUrl.name} for rate limits`,
    () => import("ioredis"),
  );
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2000,
  });
  let lastError = "";
  redis.on("error", (error: Error) => {
    // It tries again for as long as it takes; each new reason is told once.
    if (error.message !== lastError)
      app.log.warn({ err: error }, "Redis does not answer; requests are not counted");
    lastError = error.message;
  });
  redis.on("ready", () => {
    lastError = "";
  });
  app.addHook("onClose", () => redis.disconnect());
  await joinHealth(app, "rate-limit", () => redis.ping(), { critical: false });
  return redis;
}
