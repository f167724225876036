import type { FastifyInstance } from "fastify";
import type { Redis as RedisClient } from "ioredis";
import { loadPeer, redisUrl } from "../kernel/index.js";

/** Milliseconds after which a request goes on without having been counted. */
const commandTimeoutMs = 250;

/** Milliseconds after such a timeout in which requests are not counted, so that not every one waits for a Redis that hangs. */
const restMs = 1000;

/** A Redis in which requests are counted for all processes. It is left behind when the app closes; it may be away meanwhile. */
export async function openRateLimitRedis(app: FastifyInstance, url: string) {
  const { Redis } = await loadPeer("ioredis", `${redisUrl.name} for rate limits`, () => import("ioredis"));
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2000,
  });
  restAfterTimeouts(redis);
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

/** `PING` is asked all the same: health must see that it answers again. */
function restAfterTimeouts(redis: RedisClient): void {
  const send = redis.sendCommand.bind(redis);
  let restsUntil = 0;
  redis.sendCommand = (command, stream) => {
    if (performance.now() < restsUntil && redis.status === "ready" && command.name !== "ping") {
      command.reject(new Error("Redis did not answer a moment ago"));
      return command.promise;
    }
    command.promise.catch((error: unknown) => {
      if (isTimeout(error)) restsUntil = performance.now() + restMs;
    });
    return send(command, stream);
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}
