import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from "fastify";
import { loggedError, loggedRequest } from "../http/index.js";
import { traceFields } from "../observability/index.js";
import { ReadableLog } from "./readable-log.js";

/** What every log line names. */
export interface LoggedService {
  readonly service: string;
  readonly release: string | undefined;
}

/**
 * Options of Fastify for the log, without signatures and secrets: one JSON line an event, and on a terminal lines that a
 * person can read.
 */
export function logOptions(level: string, { service, release }: LoggedService): FastifyServerOptions {
  return {
    logger: {
      level,
      ...terminalStream(),
      base: { service, ...(release === undefined ? {} : { release }) },
      mixin: traceFields,
      serializers: {
        req: (request: FastifyRequest) => ({ ...loggedRequest(request) }),
        err: (error: unknown) => Object(loggedError(error)),
      },
    },
    genReqId: requestId,
  };
}

function terminalStream(): { readonly stream?: ReadableLog } {
  const { stdout } = process;
  return stdout.isTTY ? { stream: new ReadableLog((text) => stdout.write(text), stdout.hasColors()) } : {};
}

export const idHeader = "x-request-id";
const wellFormed = /^[A-Za-z0-9._:-]{8,128}$/;

/** The id that the caller gave, when it is fit for a log; else a new one. */
function requestId(message: IncomingMessage): string {
  const given = message.headers[idHeader];
  return typeof given === "string" && wellFormed.test(given) ? given : randomUUID();
}

/** Answers every request with its id, by which its log lines are found. */
export function answerRequestIds(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.header(idHeader, request.id);
    done();
  });
}
