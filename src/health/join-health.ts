import { type AnyApp, fastifyOf } from "../http/index.js";
import {
  checkGivenOptions,
  type HealthCheck,
  type HealthCheckOptions,
  type OptionRules,
} from "../kernel/index.js";
import { healthRoute, mountHealthRoutes } from "./health-routes.js";
import { healthPlugin } from "./plugin.js";

/** How a helper joins the health of its app. */
export interface JoinHealthOptions extends HealthCheckOptions {
  /** Stands before the path of the helper's own route; empty, or like `/v1`. Default: empty. */
  readonly root?: string;
  /** Facts that the helper's own route answers besides status and time; nothing secret. */
  readonly facts?: () => object;
}

const rules: OptionRules<JoinHealthOptions> = {
  call: "joinHealth",
  kinds: { root: "string", facts: "function", critical: "boolean", timeoutMs: "number" },
};

/**
 * Adds a helper's check to `/readyz`, and `GET /_health/{name}`, which runs that check alone. The first helper to
 * join brings `/healthz` and `/readyz` along.
 *
 * @param name - the helper, as in `storage`.
 */
export async function joinHealth(
  anyApp: AnyApp,
  name: string,
  check: HealthCheck,
  given: JoinHealthOptions = {},
): Promise<void> {
  checkGivenOptions(given, rules);
  const { root = "", facts, ...options } = given;
  const app = fastifyOf(anyApp);
  if (!app.hasDecorator("health")) await app.register(healthPlugin);
  const checkName = `${name}${app.prefix}${root}`;
  app.health.add(checkName, check, options);
  const path = `${root}/_health/${name}`;
  await mountHealthRoutes(app, [
    healthRoute(path, `Whether ${name} can be used`, async () => {
      const { status = "failed", ms } = (await app.health.runOne(checkName)) ?? {};
      return { isUsable: status === "ok", report: { status, ...facts?.(), ms } };
    }),
  ]);
}
