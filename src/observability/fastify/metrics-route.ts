import type { FastifyInstance, FastifyRequest } from "fastify";
import { bearerCheck, problemHandler } from "../../http/index.js";
import type { Secret } from "../../kernel/index.js";
import type { MetricsRegistry } from "../metrics/metrics-client.js";

/** What the route of the metrics needs. */
export interface MetricsRouteOptions {
  readonly path: string;
  /** Without one the route is open. */
  readonly token: Secret | undefined;
  readonly registry: MetricsRegistry;
}

/** Serves the metrics in the text format of Prometheus to clients that have the token. */
export async function metricsRoute(
  app: FastifyInstance,
  { path, token, registry }: MetricsRouteOptions,
): Promise<void> {
  const check = token === undefined ? undefined : bearerCheck(token.reveal());
  await app.register(async (scope) => {
    scope.setErrorHandler(problemHandler(false));
    // Documents of the API, the limits of its callers and its tenants are not about this route.
    const unlisted: object = { schema: { hide: true }, config: { rateLimit: false, hasNoTenant: true } };
    const onRequest = async (request: FastifyRequest) => check?.(request);
    scope.get(path, { ...unlisted, logLevel: "warn", onRequest }, async (_request, reply) => {
      const text = await registry.metrics();
      return reply.header("cache-control", "no-store").type(registry.contentType).send(text);
    });
  });
}
