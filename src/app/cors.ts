import type { FastifyInstance } from "fastify";
import type { ConfigurationProblem } from "../kernel/index.js";
import { type AppSettings, appVariables } from "./settings.js";

/** Headers of answers that a page may read beside the few that the Fetch standard allows. */
const exposedHeaders = [
  "content-disposition",
  "deprecation",
  "etag",
  "link",
  "location",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "retry-after",
  "sunset",
  "x-request-id",
];

type CorsSettings = Pick<AppSettings, "corsAllowOrigins" | "corsAllowCredentials">;

/** With cookies every origin must be named: `*` would let any page act for the user. */
export function findCorsProblem(settings: CorsSettings): ConfigurationProblem[] {
  if (!settings.corsAllowCredentials || !isForAll(settings)) return [];
  const { name } = appVariables.corsAllowOrigins;
  const message = `is *, and ${appVariables.corsAllowCredentials.name} is true; name each origin`;
  return [{ name, message }];
}

/** Lets pages of the named origins call the service (the CORS protocol of the Fetch standard); no other origin is told anything. */
export async function addCors(app: FastifyInstance, settings: CorsSettings): Promise<void> {
  const origins = settings.corsAllowOrigins;
  if (origins === undefined || origins.length === 0) return;
  const { default: cors } = await import("@fastify/cors");
  await app.register(cors, {
    origin: isForAll(settings) ? "*" : [...origins],
    credentials: settings.corsAllowCredentials,
    methods: ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"],
    exposedHeaders,
    maxAge: 600,
  });
}

function isForAll({ corsAllowOrigins }: CorsSettings): boolean {
  return corsAllowOrigins?.includes("*") ?? false;
}
