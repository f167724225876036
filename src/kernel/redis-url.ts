import type { z } from "zod";
import type { Secret } from "./secret.js";
import { secretText, type Variable, variable } from "./variable.js";

/** The URL of a Redis server. */
export const redisAddress: z.ZodType<Secret, Secret | string> = secretText().refine((url) =>
  isRedis(url.reveal()),
);

/** `REDIS_URL`, which every helper that can use Redis reads. */
export const redisUrl: Variable<Secret | undefined> = variable({
  name: "REDIS_URL",
  type: redisAddress,
  expected: "redis://USER:PASSWORD@HOST:PORT or rediss://…",
  help: "Redis that all processes share: for rate limits, jobs, the cache and idempotency keys. Jobs need its eviction policy to be noeviction.",
  secret: true,
});

function isRedis(url: string): boolean {
  return URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol);
}
