import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import { HealthRegistry } from "../../kernel/index.js";
import type { Storage } from "../storage.js";
import type { EdgeOptions } from "./plugin-options.js";

/**
 * Adds a readiness check and `GET /_health/storage`, which runs that check alone; both have the decorator's name.
 *
 * @param healthPlugin - registered first when the app has no `app.health`.
 */
export async function addHealth(
  app: FastifyInstance,
  storage: Storage,
  { decorator: name, root }: Pick<EdgeOptions, "decorator" | "root">,
  healthPlugin: FastifyPluginAsync,
): Promise<void> {
  if (!app.hasDecorator("health")) await app.register(healthPlugin);
  const check = (signal: AbortSignal) => storage.check({ signal });
  app.health.add(`${name}${app.prefix}${root}`, check);
  const own = new HealthRegistry();
  own.add(name, check);
  await app.register(async (scope) => {
    scope.get(`${root}/_health/${name}`, async (_request, reply) => {
      const { status, checks } = await own.run();
      return reply
        .code(status === "ok" ? 200 : 503)
        .header("cache-control", "no-store")
        .send({ status, backend: storage.backend.name, ms: checks[name]?.ms });
    });
  });
}
