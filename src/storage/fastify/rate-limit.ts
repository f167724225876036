import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError, openRateLimitRedis } from "../../http/index.js";
import type { Secret } from "../../kernel/index.js";
import { ByteRate } from "./byte-rate.js";
import { type Counter, MemoryCounter, RedisCounter, type WindowCount } from "./counters.js";

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
export const noRates: RateChecks = {
  countRequest: async () => undefined,
  byteRate: byteRateOf(0, new MemoryCounter(1)),
};

/**
 * Counts requests by tenant, by user and by address, which Fastify takes from proxies only where
 * `trustProxy` names them. With a Redis all processes count together; while it does not answer, requests pass uncounted.
 *
 * @param decorator - the name of the storage; stands behind `keyPrefix` in the keys in Redis.
 */
export async function rateChecks(
  app: FastifyInstance,
  limits: RateLimits,
  {
    decorator,
    keyPrefix,
    redisUrl,
  }: { readonly decorator: string; readonly keyPrefix: string; readonly redisUrl: Secret | undefined },
): Promise<RateChecks> {
  const { uploadBytes, windowMs } = limits;
  if (uploadBytes === 0 && kinds.every((kind) => limits[kind] === 0)) return noRates;
  const redis = redisUrl === undefined ? undefined : await openRateLimitRedis(app, redisUrl.reveal());
  const nameSpace = `${keyPrefix}${decorator}:rate:`;
  const counterOf = (what: string) =>
    redis === undefined
      ? new MemoryCounter(windowMs)
      : new RedisCounter(redis, `${nameSpace}${what}:`, windowMs);
  const byteRate = byteRateOf(uploadBytes, counterOf("bytes"));
  const counters = new Map(kinds.map((kind) => [kind, counterOf(kind)]));
  /** Requests whose address was counted, before it was known who makes them. */
  const counted = new WeakSet<FastifyRequest>();
  const countRequest: RateCheck = async (request, reply, kind, caller = {}) => {
    const callers = callersOf(caller);
    const address = `address:${networkOf(request.ip)}`;
    byteRate.assign(request, { callers, address });
    const max = limits[kind];
    if (max === 0) return;
    const places = counted.has(request) ? [] : [address];
    counted.add(request);
    for (const subject of [...callers, ...places]) {
      const window = await counters.get(kind)?.add(subject, 1);
      if (window !== undefined) tell(reply, max, window);
    }
  };
  return { countRequest, byteRate };
}

function byteRateOf(maxBytes: number, counter: Counter): ByteRate {
  return new ByteRate(maxBytes, counter, (window) => exceeded("bytes", maxBytes, window));
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

/** The fields of draft-ietf-httpapi-ratelimit-headers, of the subject that has least left. */
function tell(reply: FastifyReply | undefined, max: number, window: WindowCount): void {
  if (window.amount > max) throw exceeded("requests", max, window);
  const told = reply?.getHeader("ratelimit-remaining");
  if (told === undefined || Number(told) > max - window.amount) reply?.headers(fieldsOf(max, window));
}

function exceeded(what: "requests" | "bytes", max: number, window: WindowCount): HttpError {
  const seconds = secondsLeft(window);
  const message = `more than ${max} ${what}; try again in ${seconds} s`;
  return new HttpError(429, "rate_limited", message, { ...fieldsOf(max, window), "retry-after": seconds });
}

function fieldsOf(max: number, window: WindowCount): Record<string, string> {
  return {
    "ratelimit-limit": String(max),
    "ratelimit-remaining": String(Math.max(0, max - window.amount)),
    "ratelimit-reset": secondsLeft(window),
  };
}

function secondsLeft({ leftMs }: WindowCount): string {
  return String(Math.ceil(leftMs / 1000));
}
