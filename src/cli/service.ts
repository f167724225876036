import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from "fastify";
import { healthPlugin } from "../health/index.js";
import { loggedRequest } from "../index.js";
import { type AppEnv, type Problem, problemContentType, problemOf } from "../kernel/index.js";

export interface ServiceOptions {
  readonly logLevel: string;
  readonly appEnv: AppEnv;
  /** Milliseconds after which a connection on which nothing moves is closed. */
  readonly idleTimeoutMs: number;
}

/** A Fastify app with logs, health routes and problem details (RFC 9457) for every failure. */
export async function createService({
  logLevel,
  appEnv,
  idleTimeoutMs,
}: ServiceOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: {
      level: logLevel,
      serializers: { req: (request: FastifyRequest) => ({ ...loggedRequest(request) }) },
    },
    frameworkErrors: answerError,
    connectionTimeout: idleTimeoutMs,
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, {
      statusCode: 404,
      code: "no_such_route",
      message: "there is no such route",
    }),
  );
  await app.register(healthPlugin, { showErrors: appEnv !== "prod" });
  return app;
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status } = sendProblem(request, reply, error);
  if (status >= 500) request.log.error({ err: error }, "the request failed");
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown): Problem {
  const problem = problemOf(error, pathOf(request.url));
  // Serialised here: Fastify would add a charset, which this media type does not have.
  reply
    .code(problem.status)
    .header("content-type", problemContentType)
    .send(Buffer.from(JSON.stringify(problem)));
  return problem;
}

function pathOf(url: string): string {
  return url.split("?", 1)[0] ?? "";
}
