import type { FastifyInstance } from "fastify";

/**
 * `GET /startupz` for a startup probe: 503 until every critical check has passed once, then 200 for good, so that a dependency
 * that fails later makes the service unready and not restarted.
 */
export function startupRoute(app: FastifyInstance): void {
  let hasStarted = false;
  app.get("/startupz", { schema: { hide: true }, config: { hasNoTenant: true } }, async (_request, reply) => {
    hasStarted ||= (await app.health.run()).status !== "failed";
    return reply
      .code(hasStarted ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: hasStarted ? "ok" : "failed" });
  });
}
