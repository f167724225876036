import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { withoutRegisterOptions } from "../http/index.js";
import { HealthRegistry, type HealthRegistryOptions } from "../kernel/index.js";
import { healthRoute, mountHealthRoutes } from "./health-routes.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The things this service needs to be ready. */
    health: HealthRegistry;
  }
}

/** Options of {@link healthPlugin}. */
export type HealthOptions = HealthRegistryOptions;

/**
 * Decorates the app with `app.health` and serves `GET /healthz`, which tells that the process answers and
 * does nothing else, and `GET /readyz`, which runs all checks and answers 503 when a critical one fails.
 */
export const healthPlugin: FastifyPluginAsync<HealthOptions> = fastifyPlugin(addHealthRoutes, {
  name: "svc-infra-health",
  fastify: "5.x",
});

async function addHealthRoutes(app: FastifyInstance, options: HealthOptions): Promise<void> {
  const registry = new HealthRegistry(withoutRegisterOptions(options));
  app.decorate("health", registry);
  await mountHealthRoutes(app, [
    healthRoute("/healthz", "Whether the process answers", async () => {
      return { isUsable: true, report: { status: "ok" } };
    }),
    healthRoute("/readyz", "Whether the service is ready: every check", async () => {
      const report = await registry.run();
      return { isUsable: report.status !== "failed", report: { ...report } };
    }),
  ]);
}
