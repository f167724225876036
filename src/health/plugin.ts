import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { HealthRegistry } from "../kernel/index.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The things this service needs to be ready. */
    health: HealthRegistry;
  }
}

export interface HealthOptions {
  /** Whether `/readyz` says why a check failed; off where strangers can read it. Default: false. */
  readonly showErrors?: boolean;
}

/**
 * Decorates the app with `app.health` and serves `GET /healthz`, which tells that the process answers and
 * does nothing else, and `GET /readyz`, which runs all checks and answers 503 when a critical one fails.
 */
export const healthPlugin: FastifyPluginAsync<HealthOptions> = fastifyPlugin(addHealthRoutes, {
  name: "svc-infra-health",
  fastify: "5.x",
});

async function addHealthRoutes(app: FastifyInstance, options: HealthOptions): Promise<void> {
  const registry = new HealthRegistry(options);
  app.decorate("health", registry);
  app.get("/healthz", async (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "ok" }),
  );
  app.get("/readyz", async (_request, reply) => {
    const report = await registry.run();
    return reply
      .code(report.status === "failed" ? 503 : 200)
      .header("cache-control", "no-store")
      .send(report);
  });
}
