import type { FastifyInstance } from "fastify";

/** Headers of answers that a page may read beside the few that the Fetch standard allows. */
const exposedHeaders = ["etag", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/**
 * Lets pages of the named origins call the routes of a scope (the CORS protocol of the Fetch standard), unless the app
 * decides on that already.
 */
export async function allowPages(scope: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0 || scope.hasRequestDecorator("corsPreflightEnabled")) return;
  const origin = origins.includes("*") ? "*" : [...origins];
  const { default: cors } = await import("@fastify/cors");
  await scope.register(cors, {
    origin,
    methods: ["GET", "HEAD", "PUT", "POST", "DELETE"],
    exposedHeaders,
    maxAge: 600,
  });
}
