import type { FastifyInstance } from "fastify";
import { joinHealth } from "../health/index.js";
import { HttpError, openRateLimitRedis } from "../http/index.js";
import type { AppSettings } from "./settings.js";

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
  const redis = await openRateLimitRedis(app, url);
  await joinHealth(app, "rate-limit", () => redis.ping(), { critical: false });
  return redis;
}
