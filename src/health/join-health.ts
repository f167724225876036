import type { FastifyInstance } from "fastify";
import { type HealthCheck, type HealthCheckOptions, HealthRegistry } from "../kernel/index.js";
import { healthPlugin } from "./plugin.js";

/** How a helper joins the health of its app. */
export interface JoinHealthOptions extends HealthCheckOptions {
  /** Stands before the path of the helper's own route; empty, or like `/v1`. Default: empty. */
  readonly root?: string;
  /** Facts that the helper's own route answers besides status and time; nothing secret. */
  readonly facts?: () => object;
}

/**
 * Adds a helper's check to `/readyz`, and `GET /_health/{name}`, which runs that check alone. The first helper to
 * join brings `/healthz` and `/readyz` along.
 *
 * @param name - the helper, as in `storage`.
 */
export async function joinHealth(
  app: FastifyInstance,
  name: string,
  check: HealthCheck,
  { root = "", facts, ...options }: JoinHealthOptions = {},
): Promise<void> {
  if (!app.hasDecorator("health")) await app.register(healthPlugin);
  app.health.add(`${name}${app.prefix}${root}`, check, options);
  const own = new HealthRegistry();
  own.add(name, check, options);
  await app.register(async (scope) => {
    scope.get(`${root}/_health/${name}`, async (_request, reply) => {
      const { status, checks } = await own.run();
      return reply
        .code(status === "ok" ? 200 : 503)
        .header("cache-control", "no-store")
        .send({ status, ...facts?.(), ms: checks[name]?.ms });
    });
  });
}
