import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { problemContentType, problemOf } from "../../kernel/index.js";
import { StorageError } from "../error.js";
import { Refusal } from "./refusal.js";
import { pathOf } from "./target.js";

/** What an error handler of Fastify is. */
export type ErrorHandler = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply;

/**
 * Answers any failure as problem+json (RFC 9457). From 500 on the details go to the log and not to the client.
 *
 * @param tellsInstance - whether the answer names the path; off where all refusals must look alike.
 */
export function problemHandler(tellsInstance: boolean): ErrorHandler {
  return (error, request, reply) => {
    const problem = problemOf(error, tellsInstance ? pathOf(request) : undefined);
    logFailure(request, error, problem.status);
    return reply
      .code(problem.status)
      .headers({ "cache-control": "no-store", ...extraHeaders(error) })
      .type(problemContentType)
      .send(Buffer.from(JSON.stringify(problem)));
  };
}

function extraHeaders(error: Error): Readonly<Record<string, string>> {
  if (error instanceof Refusal) return error.headers;
  if (!(error instanceof StorageError) || error.retryAfterMs === undefined) return {};
  return { "retry-after": String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))) };
}

/** What good clients meet every day; the rest of 4xx may be an attack. */
const expected: ReadonlySet<number> = new Set([404, 405, 412, 416]);

function logFailure(request: FastifyRequest, error: Error, status: number): void {
  const facts = { status, ...factsOf(error) };
  if (status >= 500) request.log.error({ ...facts, err: error }, "storage request failed");
  else if (expected.has(status)) request.log.debug(facts, "storage request refused");
  else request.log.info(facts, "storage request refused");
}

function factsOf(error: Error): object {
  if (error instanceof Refusal) return { code: error.code };
  if (!(error instanceof StorageError)) return {};
  const { code, operation, backend, key } = error;
  return { code, operation, backend, key };
}
