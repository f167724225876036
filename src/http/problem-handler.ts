import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { problemContentType, problemOf } from "./problem.js";
import { pathOf } from "./request-target.js";

/** The type of a Fastify error handler. */
export type ErrorHandler = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply;

/**
 * Answers any failure as problem+json (RFC 9457). From 500 on the details go to the log and not to the client.
 * An error may carry `headers` for its answer, and `retryAfterMs`, which becomes `Retry-After`.
 *
 * @param tellsInstance - whether the answer names the path; off where all refusals must look alike.
 */
export function problemHandler(tellsInstance: boolean): ErrorHandler {
  return (error, request, reply) => {
    const problem = problemOf(error, tellsInstance ? pathOf(request) : undefined);
    logFailure(request, error, problem.status);
    // Serialised here: Fastify would add a charset, which this media type does not have.
    return reply
      .code(problem.status)
      .headers({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...extraHeaders(error),
      })
      .type(problemContentType)
      .send(Buffer.from(JSON.stringify(problem)));
  };
}

function extraHeaders(error: object): Readonly<Record<string, string>> {
  const retryAfterMs = "retryAfterMs" in error ? error.retryAfterMs : undefined;
  return {
    ...("headers" in error && typeof error.headers === "object" ? error.headers : {}),
    ...(typeof retryAfterMs === "number"
      ? { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }
      : {}),
  };
}

/** Statuses that well-behaved clients meet every day; the rest of 4xx may be an attack. */
const expected: ReadonlySet<number> = new Set([404, 405, 412, 416]);

function logFailure(request: FastifyRequest, error: Error, status: number): void {
  const facts = { status, ...factsOf(error) };
  if (status >= 500) request.log.error({ ...facts, err: error }, "request failed");
  else if (expected.has(status)) request.log.debug(facts, "request refused");
  else request.log.info(facts, "request refused");
}

/** The facts of an error that a log line names; each feature's errors carry some of them. */
const loggedFacts = ["code", "operation", "backend", "key"] as const;

function factsOf(error: object): object {
  const facts = new Map(Object.entries(error));
  return Object.fromEntries(loggedFacts.map((name) => [name, facts.get(name)]));
}
