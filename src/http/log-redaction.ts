import type { FastifyRequest } from "fastify";

/** What a request line of the log says. */
export interface LoggedRequest {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly remoteAddress: string;
}

/**
 * Serializer of requests for pino that keeps signatures and tokens out of the log. Fastify's own prints the whole URL,
 * and a signed URL is a key, as is the link that sets a password anew: `Fastify({ logger: { serializers: { req: loggedRequest } } })`.
 */
export function loggedRequest(request: FastifyRequest): LoggedRequest {
  const { method, url, host, ip } = request;
  return { method, url: withoutSignature(url), host, remoteAddress: ip };
}

/**
 * The URL with `***` in place of each signature, of any service, of tokens, of the `code` and `state` of a sign-in, and of what
 * follows `/reset-password/`.
 */
export function withoutSignature(url: string): string {
  const mark = url.indexOf("?");
  const path = (mark < 0 ? url : url.slice(0, mark)).replace(secretSegment, "$1***");
  return mark < 0 ? path : path + url.slice(mark).replace(secretParameter, "$1***");
}

/** No name goes over a `?`: a run of them would be searched again from each. */
const secretParameter = /([?&](?:code|state|[^?=&\s]*(?:signature|token|credential|sig))=)[^&#\s]*/gi;

/** The link of the mail that sets a password anew has its token in the path. */
const secretSegment = /(\/reset-password\/)[^/?#\s]+/gi;

/** Text for a log, with `***` in place of signatures and tokens in URLs, passwords of URLs, and bearer tokens. */
export function withoutSecrets(text: string): string {
  return text
    .replace(secretParameter, "$1***")
    .replace(secretSegment, "$1***")
    .replace(/(\/\/[^/\s:@]*:)[^/\s]+@/g, "$1***@")
    .replace(/(\bBearer\s+)[A-Za-z0-9._~+/=-]+/gi, "$1***");
}

/** What the log says of an error. */
export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause?: unknown;
  readonly [fact: string]: unknown;
}

/**
 * Serializer of errors for pino: the text without secrets, the facts that are numbers or short words, and the causes. What a
 * driver hangs on its errors stays out: ioredis keeps the command with its arguments, of `AUTH` the password.
 * `Fastify({ logger: { serializers: { err: loggedError } } })`.
 */
export function loggedError(error: unknown): LoggedError | unknown {
  return describe(error, 0);
}

/** An error may be its own cause. */
const maxCauses = 5;

function describe(error: unknown, depth: number): LoggedError | unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? withoutSecrets(error) : typeof error;
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message: withoutSecrets(message),
    stack: stack === undefined ? undefined : withoutSecrets(stack),
    ...factsOf(error),
    ...(cause === undefined || depth === maxCauses ? {} : { cause: describe(cause, depth + 1) }),
  };
}

function factsOf(error: Error): Readonly<Record<string, unknown>> {
  const facts = Object.entries(error).flatMap(([name, value]) => {
    if (typeof value === "string") return [[name, withoutSecrets(value)]];
    return typeof value === "number" || typeof value === "boolean" ? [[name, value]] : [];
  });
  return Object.fromEntries(facts);
}
