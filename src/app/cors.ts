import type { FastifyInstance, FastifyRequest } from "fastify";
import { allowOrigins, HttpError } from "../http/index.js";
import type { ConfigurationProblem } from "../kernel/index.js";
import { type AppSettings, appVariables } from "./settings.js";

type CorsSettings = Pick<AppSettings, "corsAllowOrigins" | "corsAllowCredentials">;

/** With cookies every origin must be named: `*` would let any page act for the user. */
export function findCorsProblem(settings: CorsSettings): ConfigurationProblem[] {
  if (!settings.corsAllowCredentials || !isForAll(settings)) return [];
  const { name } = appVariables.corsAllowOrigins;
  const message = `is *, and ${appVariables.corsAllowCredentials.name} is true; name each origin`;
  return [{ name, message }];
}

/** Lets pages of the named origins call the service. */
export async function addCors(app: FastifyInstance, settings: CorsSettings): Promise<void> {
  const origins = settings.corsAllowOrigins;
  if (origins === undefined || origins.length === 0) return;
  app.addHook("onRequest", refuseHalfPreflight);
  await allowOrigins(app, { origins, credentials: settings.corsAllowCredentials });
}

/** The plugin's own answer would be no problem details. */
async function refuseHalfPreflight({ method, headers }: FastifyRequest): Promise<void> {
  if (method !== "OPTIONS") return;
  // An empty one is none for the plugin.
  if (headers.origin && headers["access-control-request-method"]) return;
  const detail = "OPTIONS is for preflights: it needs Origin and Access-Control-Request-Method";
  throw new HttpError(400, "bad_request", detail);
}

function isForAll({ corsAllowOrigins }: CorsSettings): boolean {
  return corsAllowOrigins?.includes("*") ?? false;
}
