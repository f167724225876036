import { type FastifyInstance, type FastifyRequest, fastify } from "fastify";
import { healthPlugin } from "../health/index.js";
import { answerClientError, HttpError, hostBoundary, loggedRequest, problemHandler } from "../http/index.js";
import type { AppEnv } from "../kernel/index.js";

export interface ServiceOptions {
  readonly logLevel: string;
  readonly appEnv: AppEnv;
  /** Milliseconds after which a connection on which nothing moves is closed. */
  readonly idleTimeoutMs: number;
  /** URLs of the service when it asks for no token; it then answers to their hosts and to loopback names only. */
  readonly openAt?: readonly string[] | undefined;
}

const answerError = problemHandler(true);

/** A Fastify app with logs, health routes and problem details (RFC 9457) for every failure. */
export async function createService({
  logLevel,
  appEnv,
  idleTimeoutMs,
  openAt,
}: ServiceOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: {
      level: logLevel,
      serializers: { req: (request: FastifyRequest) => ({ ...loggedRequest(request) }) },
    },
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    // What still comes while the service closes is served; Fastify's own answer would be no problem details.
    return503OnClosing: false,
    connectionTimeout: idleTimeoutMs,
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) =>
    answerError(new HttpError(404, "no_such_route", "there is no such route"), request, reply),
  );
  app.addHook("onRequest", async (_request, reply) => {
    reply.header("x-content-type-options", "nosniff");
  });
  if (openAt !== undefined) app.addHook("onRequest", hostBoundary(openAt));
  await app.register(healthPlugin, { showErrors: appEnv !== "prod" });
  return app;
}
