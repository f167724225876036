import type { FastifyInstance } from "fastify";

/** Headers of answers that a page may read beside the few that the Fetch standard allows. */
const exposedHeaders = [
  "content-disposition",
  "content-range",
  "deprecation",
  "etag",
  "idempotency-replayed",
  "link",
  "location",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "retry-after",
  "sunset",
  "x-request-id",
];

/** Which pages may call. */
export interface CrossOriginOptions {
  /** Origins, or `*` for all of them. */
  readonly origins: readonly string[];
  /** Whether pages may send cookies. Default: no. */
  readonly credentials?: boolean;
}

/**
 * Lets pages of the named origins call the routes of a scope (the CORS protocol of the Fetch standard); no other origin is
 * told anything.
 */
export async function allowOrigins(scope: FastifyInstance, options: CrossOriginOptions): Promise<void> {
  const { origins, credentials = false } = options;
  const { default: cors } = await import("@fastify/cors");
  await scope.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    credentials,
    methods: ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"],
    exposedHeaders,
    maxAge: 600,
  });
}
