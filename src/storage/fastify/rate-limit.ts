import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError, openRateLimitRedis } from "../../http/index.js";
import type { Secret } from "../../kernel/index.js";
import { MemoryByteCounter, RedisByteCounter } from "./byte-counters.js";
import { type ByteCounter, ByteRate } from "./byte-rate.js";

/** What each tenant, each user and each address may do in a window; 0 is no limit. */
export interface RateLimits {
  /** Uploads and deletions. Default: `STORAGE_RATE_LIMIT_UPLOADS`, else 0. */
  readonly uploads: number;
  /** Bytes that are uploaded. Default: `STORAGE_RATE_LIMIT_UPLOAD_BYTES`, else 0. */
  readonly uploadBytes: number;
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

/** What is counted of the requests of one storage. */
export interface RateChecks {
  readonly countRequest: RateCheck;
  /** Counts the bytes of the requests that were counted. */
  readonly byteRate: ByteRate;
}

const kinds: readonly RateKind[] = ["uploads", "signs", "reads"];

/** Counts nothing. */
export const noRates: RateChecks = { countRequest: async () => undefined, byteRate: byteRateOf(0, 1) };

/**
 * Counts the requests of a scope by tenant, by user and by address, which Fastify takes from proxies only where
 * `trustProxy` names them. With a Redis all processes count together; while it does not answer, requests pass uncounted.
 *
 * @param name - of the storage; stands behind `keyPrefix` in the keys in Redis.
 */
export async function rateChecks(
  scope: FastifyInstance,
  limits: RateLimits,
  {
    name,
    keyPrefix,
    redisUrl,
  }: { readonly name: string; readonly keyPrefix: string; readonly redisUrl: Secret | undefined },
): Promise<RateChecks> {
  const { uploadBytes, windowMs } = limits;
  if (uploadBytes === 0 && kinds.every((kind) => limits[kind] === 0)) return noRates;
  const redis = redisUrl === undefined ? undefined : await openRateLimitRedis(scope, redisUrl.reveal());
  const nameSpace = `${keyPrefix}${name}:rate:`;
  const byteRate = byteRateOf(
    uploadBytes,
    windowMs,
    redis && new RedisByteCounter(redis, `${nameSpace}bytes:`, windowMs),
  );
  const { default: rateLimit } = await import("@fastify/rate-limit");
  await scope.register(rateLimit, {
    global: false,
    skipOnError: true,
    ...(redis === undefined ? {} : { redis, nameSpace }),
  });
  const subjects = new WeakMap<FastifyRequest, string>();
  const keyGenerator = (request: FastifyRequest) => subjects.get(request) ?? "";
  const limiterOf = (kind: RateKind) =>
    scope.createRateLimit({ max: limits[kind], timeWindow: windowMs, keyGenerator });
  const limiters = new Map(kinds.map((kind) => [kind, limits[kind] === 0 ? undefined : limiterOf(kind)]));
  /** Requests whose address was counted, before it was known who makes them. */
  const counted = new WeakSet<FastifyRequest>();
  const countRequest: RateCheck = async (request, reply, kind, caller = {}) => {
    const callers = callersOf(caller);
    const address = `address:${networkOf(request.ip)}`;
    byteRate.assign(request, { callers, address });
    const count = limiters.get(kind);
    if (count === undefined) return;
    const places = counted.has(request) ? [] : [address];
    counted.add(request);
    for (const subject of [...callers, ...places]) {
      subjects.set(request, `${name}:${kind}:${subject}`);
      const result = await count(request);
      if (!result.isAllowed) tell(reply, result);
    }
  };
  return { countRequest, byteRate };
}

function byteRateOf(maxBytes: number, windowMs: number, counter?: ByteCounter): ByteRate {
  return new ByteRate(maxBytes, counter ?? new MemoryByteCounter(windowMs), ({ bytes, leftMs }) =>
    exceeded({
      limit: `${maxBytes} bytes`,
      max: maxBytes,
      remaining: Math.max(0, maxBytes - bytes),
      ttlInSeconds: Math.ceil(leftMs / 1000),
    }),
  );
}

function callersOf({ tenant, user }: RateCaller): readonly string[] {
  return [
    ...(tenant === undefined ? [] : [`tenant:${tenant}`]),
    ...(user === undefined ? [] : [`user:${tenant ?? ""}:${user}`]),
  ];
}

/** One client has all addresses of an IPv6 network of 64 bits. */
function networkOf(ip: string): string {
  if (!ip.includes(":") || ip.includes(".")) return ip;
  const [before = [], after = []] = ip.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}

interface Counted {
  readonly max: number;
  readonly remaining: number;
  readonly ttlInSeconds: number;
}

/** The fields of draft-ietf-httpapi-ratelimit-headers, of the subject that has least left. */
function tell(reply: FastifyReply | undefined, counted: Counted & { readonly isExceeded: boolean }): void {
  if (counted.isExceeded) throw exceeded({ limit: `${counted.max} requests`, ...counted });
  const told = reply?.getHeader("ratelimit-remaining");
  if (told === undefined || Number(told) > counted.remaining) reply?.headers(fieldsOf(counted));
}

function exceeded({ limit, ...counted }: Counted & { readonly limit: string }): HttpError {
  const { ttlInSeconds } = counted;
  const message = `more than ${limit}; try again in ${ttlInSeconds} s`;
  return new HttpError(429, "rate_limited", message, {
    ...fieldsOf(counted),
    "retry-after": String(ttlInSeconds),
  });
}

function fieldsOf({ max, remaining, ttlInSeconds }: Counted): Record<string, string> {
  return {
    "ratelimit-limit": String(max),
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": String(ttlInSeconds),
  };
}
