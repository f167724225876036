import { STATUS_CODES } from "node:http";

/** The content type of a {@link Problem} (RFC 9457 §3). */
export const problemContentType = "application/problem+json";

/** Problem details of an HTTP answer (RFC 9457 §3.1), with `code` as an extension for programs. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** For people; absent where it could tell a stranger about the inside. */
  readonly detail?: string;
  /** Stable word for programs, such as `not_found`. */
  readonly code: string;
  /** Path or id of the request. */
  readonly instance?: string;
}

/**
 * Describes any thrown value for a client. An error may carry `statusCode` (the property that Fastify's
 * own errors have), `code`, and `expose`. From 500 on the message stays inside unless `expose` is true; of an error that
 * carries no status nothing is told at all. Codes of other spellings than the kit's, as `FST_ERR_VALIDATION`, are
 * answered as the code of their status.
 *
 * @param instance - path or id of the request.
 */
export function problemOf(error: unknown, instance?: string): Problem {
  const facts = factsOf(error);
  const status = statusOf(facts);
  const isKnown = status !== undefined;
  const isExposed = isKnown && (typeof facts.expose === "boolean" ? facts.expose : status < 500);
  return {
    type: "about:blank",
    title: titleOf(status ?? 500),
    status: status ?? 500,
    ...(isExposed && typeof facts.message === "string" ? { detail: facts.message } : {}),
    code: codeOf(isKnown ? facts.code : undefined, status ?? 500),
    ...(instance === undefined ? {} : { instance }),
  };
}

/** Codes of failures that carry none of their own, by status. */
const codeOfStatus: Readonly<Record<number, string>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "no_such_route",
  405: "method_not_allowed",
  408: "request_timeout",
  413: "too_large",
  414: "uri_too_long",
  415: "unsupported_type",
  421: "misdirected",
  429: "rate_limited",
  431: "headers_too_large",
  503: "unavailable",
  504: "timeout",
};

function codeOf(code: unknown, status: number): string {
  if (typeof code === "string" && /^[a-z][a-z0-9_]*$/.test(code)) return code;
  return codeOfStatus[status] ?? (status < 500 ? "bad_request" : "internal");
}

interface ErrorFacts {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly expose?: unknown;
  readonly statusCode?: unknown;
}

function factsOf(error: unknown): ErrorFacts {
  return typeof error === "object" && error !== null ? error : {};
}

function statusOf({ statusCode }: ErrorFacts): number | undefined {
  return isErrorStatus(statusCode) ? statusCode : undefined;
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 400 && value <= 599;
}

function titleOf(status: number): string {
  if (status === 499) return "Client Closed Request";
  return STATUS_CODES[status] ?? (status < 500 ? "Bad Request" : "Internal Server Error");
}
