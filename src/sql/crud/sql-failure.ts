import { DrizzleQueryError } from "drizzle-orm";
import { badRequest, HttpError } from "../../http/index.js";

/** Milliseconds after which a caller may try a database again that is away. */
const retryAfterMs = 1_000;

/** SQLSTATE codes (PostgreSQL appendix A) that the request is to blame for. */
const refusals: Readonly<Record<string, (detail: string) => HttpError>> = {
  23505: () => new HttpError(409, "conflict", "there is a row with these values already"),
  23503: () =>
    new HttpError(409, "conflict", "another row is missing that this one points at, or points at this one"),
  23502: (column) => badRequest(`${column}: it must not be null`),
  23514: () => badRequest("the values break a rule of the table"),
};

/** Classes of codes, and words of the drivers, that mean a database which is away or has no room. */
const away = /^(?:08|53|57P0)|^(?:ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|ETIMEDOUT)$/;

/** What a hook threw, whatever code it carries. */
class HookFailure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Runs a hook. What it throws is the answer as it is, unless it is a query that failed. */
export async function ofHook<T>(hook: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await hook();
  } catch (error) {
    throw error instanceof DrizzleQueryError ? error : new HookFailure(error);
  }
}

/** Waits for work on rows. A query of it that failed is thrown as the answer to it. */
export async function answering<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof HookFailure ? error.error : httpErrorOf(error);
  }
}

/**
 * The answer to a query that failed: what the caller can put right, 503 while the database is away, else the error itself.
 * An error of the application keeps its answer, also when a query is its cause.
 */
function httpErrorOf(error: unknown): unknown {
  const cause: Failure = error instanceof DrizzleQueryError ? Object(error.cause) : Object(error);
  if (typeof cause.statusCode === "number") return error;
  const code = String(cause.code ?? "");
  const refusal = refusals[code];
  if (refusal !== undefined) return withCause(refusal(String(cause.column ?? "a column")), error);
  if (code.startsWith("22")) return withCause(badRequest("a value does not fit its column"), error);
  if (
    away.test(code) ||
    /timeout exceeded when trying to connect|Connection terminated/.test(String(cause.message))
  ) {
    const unavailable = new HttpError(
      503,
      "unavailable",
      "the database cannot be reached",
      {},
      { cause: error },
    );
    return Object.assign(unavailable, { retryAfterMs });
  }
  return error;
}

function withCause(refusal: HttpError, cause: unknown): HttpError {
  refusal.cause = cause;
  return refusal;
}

interface Failure {
  readonly code?: unknown;
  readonly column?: unknown;
  readonly message?: unknown;
  readonly statusCode?: unknown;
}
