import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError, openRateLimitRedis } from "../../http/index.js";
import type { Secret } from "../../kernel/index.js";

/** Requests that each tenant, each user and each address may make in a window; 0 is no limit. */
export interface RateLimits {
  /** Uploads and deletions. Default: `STORAGE_RATE_LIMIT_UPLOADS`, else 0. */
  readonly uploads: number;
  /** Signed URLs. Default: `STORAGE_RATE_LIMIT_SIGNS`, else 0. */
  readonly signs: number;
  /** Downloads, listings and metadata. Default: `STORAGE_RATE_LIMIT_READS`, else 0. */
  readonly reads: number;
  /** Milliseconds of a window. Default: `STORAGE_RATE_LIMIT_WINDOW_MS`, else 60,000. */
  readonly windowMs: number;
}

/** What is counted together. */
export type RateKind = "uploads" | "signs" | "reads";

/** Who makes a request, as far as that is proved. */
export interface RateCaller {
  readonly tenant?: string | undefined;
  readonly user?: string | undefined;
}

/** Counts one request. @throws HttpError 429 `rate_limited` with `Retry-After` when it is one too many. */
export type RateCheck = (
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  kind: RateKind,
  caller?: RateCaller,
) => Promise<void>;

const kinds: readonly RateKind[] = ["uploads", "signs", "reads"];

/**
 * Counts the requests of a scope by tenant, by user and by address, which Fastify takes from proxies only where
 * `trustProxy` names them. With a Redis all processes count together; while it does not answer, requests pass uncounted.
 *
 * @param name - of the storage, for the keys in Redis.
 */
export async function rateChecks(
  scope: FastifyInstance,
  limits: RateLimits,
  { name, redisUrl }: { readonly name: string; readonly redisUrl: Secret | undefined },
): Promise<RateCheck> {
  if (kinds.every((kind) => limits[kind] === 0)) return async () => undefined;
  const redis = redisUrl === undefined ? undefined : await openRateLimitRedis(scope, redisUrl.reveal());
  const { default: rateLimit } = await import("@fastify/rate-limit");
  await scope.register(rateLimit, {
    global: false,
    skipOnError: true,
    ...(redis === undefined ? {} : { redis, nameSpace: `${name}:rate:` }),
  });
  const subjects = new WeakMap<FastifyRequest, string>();
  const keyGenerator = (request: FastifyRequest) => subjects.get(request) ?? "";
  const limiterOf = (kind: RateKind) =>
    scope.createRateLimit({ max: limits[kind], timeWindow: limits.windowMs, keyGenerator });
  const limiters = new Map(kinds.map((kind) => [kind, limits[kind] === 0 ? undefined : limiterOf(kind)]));
  return async (request, reply, kind, caller = {}) => {
    const count = limiters.get(kind);
    if (count === undefined) return;
    for (const subject of subjectsOf(request, caller)) {
      subjects.set(request, `${name}:${kind}:${subject}`);
      const result = await count(request);
      if (!result.isAllowed) tell(reply, result);
    }
  };
}

function subjectsOf({ ip }: FastifyRequest, { tenant, user }: RateCaller): readonly string[] {
  return [
    ...(tenant === undefined ? [] : [`tenant:${tenant}`]),
    ...(user === undefined ? [] : [`user:${tenant ?? ""}:${user}`]),
    `address:${networkOf(ip)}`,
  ];
}

/** One client has all addresses of an IPv6 network of 64 bits. */
function networkOf(ip: string): string {
  return ip.includes(":") && !ip.includes(".") ? ip.split(":").slice(0, 4).join(":") : ip;
}

interface Counted {
  readonly max: number;
  readonly remaining: number;
  readonly ttlInSeconds: number;
  readonly isExceeded: boolean;
}

/** The fields of draft-ietf-httpapi-ratelimit-headers, of the subject that has least left. */
function tell(reply: FastifyReply | undefined, { max, remaining, ttlInSeconds, isExceeded }: Counted): void {
  const fields = {
    "ratelimit-limit": String(max),
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": String(ttlInSeconds),
  };
  if (isExceeded) {
    const message = `more than ${max} requests; try again in ${ttlInSeconds} s`;
    throw new HttpError(429, "rate_limited", message, { ...fields, "retry-after": String(ttlInSeconds) });
  }
  const told = reply?.getHeader("ratelimit-remaining");
  if (told === undefined || Number(told) > remaining) reply?.headers(fields);
}
