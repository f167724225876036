import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";

/** A request that met a route, with what the route's schemas made of it. */
export interface RouteCall<Query = unknown, Body = unknown> {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: Query;
  readonly body: Body;
}

/** Content of another type than JSON: what a route takes as a stream, or answers. */
export interface MediaContent {
  readonly types: readonly string[];
  readonly schema: z.ZodType;
  readonly description?: string;
}

/** One route as data: what is registered, who may call it, and what OpenAPI documents tell of it. */
export interface RouteSpec<Query extends z.ZodObject, Body extends z.ZodType> {
  /** `GET` answers `HEAD` as well. */
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Below the prefix of the scope; `*` at its end stands for the rest of a path. */
  readonly path: string;
  /** One line for OpenAPI. */
  readonly summary: string;
  /** The permission that the caller must have; a route without one is open to every caller. */
  readonly permission?: string;
  /** The part of the path that `*` stands for. */
  readonly wildcard?: z.ZodType;
  /** Parameters that are read; others are ignored. */
  readonly query?: Query;
  /** JSON content, of at most 16 KiB unless the scope says otherwise. */
  readonly body?: Body;
  /** Content that the handler reads itself. */
  readonly content?: MediaContent;
  /** Answers by status; failures are problem details and need no mention. */
  readonly answers: Readonly<Record<number, z.ZodType | MediaContent>>;
  readonly handle: (call: RouteCall<z.output<Query>, z.output<Body>>) => unknown;
}

/** A {@link RouteSpec} whose handler takes what its schemas made. */
export type Route = RouteSpec<z.ZodObject, z.ZodType>;

/** Says what a route is; its schemas type what its handler takes. */
export function route<
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<Query, Body>): Route {
  // The handler is only ever called with what these very schemas made.
  return spec as unknown as Route;
}
