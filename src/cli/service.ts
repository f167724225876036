import { type FastifyInstance, type FastifyRequest, fastify } from "fastify";
import { healthPlugin } from "../health/index.js";
import { HttpError, loggedRequest, problemHandler } from "../http/index.js";
import type { AppEnv } from "../kernel/index.js";

export interface ServiceOptions {
  readonly logLevel: string;
  readonly appEnv: AppEnv;
  /** Milliseconds after which a connection on which nothing moves is closed. */
  readonly idleTimeoutMs: number;
}

const answerError = problemHandler(true);

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
    answerError(new HttpError(404, "no_such_route", "there is no such route"), request, reply),
  );
  await app.register(healthPlugin, { showErrors: appEnv !== "prod" });
  return app;
}
