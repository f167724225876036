import type { FastifyInstance } from "fastify";
import { loadPeer, redisUrl } from "../kernel/index.js";

/** Milliseconds after which a request goes on without having been counted. */
const commandTimeoutMs = 250;

/** A Redis in which requests are counted for all processes. It is left behind when the app closes; it may be away meanwhile. */
export async function openRateLimitRedis(app: FastifyInstance, url: string) {
  const { Redis } = await loadPeer("ioredis", `${redisUrl.name} for rate limits`, () => import("ioredis"));
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
      app.log.warn({ reason: error.message }, "Redis does not answer; requests are not counted");
    lastError = error.message;
  });
  redis.on("ready", () => {
    lastError = "";
  });
  app.addHook("onClose", () => redis.disconnect());
  return redis;
}
