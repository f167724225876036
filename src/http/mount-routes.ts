import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { z } from "zod";
import { badRequest, HttpError } from "./http-error.js";
import { readJson } from "./json-body.js";
import { readParameters } from "./query-parameters.js";
import type { Route } from "./route.js";
import { schemaOf } from "./route-schema.js";

export interface RoutesOptions {
  /** Lets the caller of a request do what a route needs, or throws; called before any content is read. */
  readonly authorize?: (request: FastifyRequest, permission: string, reply: FastifyReply) => Promise<void>;
  /** Heading of the routes in OpenAPI documents; without it they are not in any. */
  readonly tag?: string;
  /** Most bytes of JSON content. Default: 16 KiB. */
  readonly maxBodyBytes?: number;
}

/**
 * Registers routes, and 405 with `Allow` (RFC 9110 §15.5.6) for the verbs that their paths do not have; OPTIONS is
 * left to CORS. Content of every type is left to the handlers, unread: the scope is one of these routes' own.
 */
export function mountRoutes(
  scope: FastifyInstance,
  routes: readonly Route[],
  options: RoutesOptions = {},
): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
  scope.setValidatorCompiler(() => () => true);
  scope.setSerializerCompiler(() => JSON.stringify);
  for (const each of routes) scope.route(optionsOf(each, options));
  for (const [path, verbs] of verbsByPath(routes)) refuseOtherMethods(scope, path, verbs);
}

function optionsOf(spec: Route, { authorize, tag, maxBodyBytes }: RoutesOptions): RouteOptions {
  const { permission } = spec;
  return {
    method: verbsOf(spec),
    url: spec.path,
    exposeHeadRoute: false,
    schema: tag === undefined ? hidden : schemaOf(spec, tag),
    ...(authorize === undefined || permission === undefined
      ? {}
      : {
          onRequest: (request: FastifyRequest, reply: FastifyReply) => authorize(request, permission, reply),
        }),
    // Read before the handler, so that an idempotency key is compared with the content.
    ...(spec.body === undefined
      ? {}
      : {
          preHandler: async (request: FastifyRequest) => {
            request.body = await readJson(request.raw, maxBodyBytes);
          },
        }),
    handler: async (request, reply) =>
      spec.handle({
        request,
        reply,
        query: readQuery(request, spec.query),
        body: checkBodyOf(request, spec.body),
      }),
  };
}

function readQuery(request: FastifyRequest, query: z.ZodObject | undefined): Record<string, unknown> {
  if (query === undefined) return {};
  const parsed = query.safeParse(readParameters(request, Object.keys(query.shape)));
  if (parsed.success) return parsed.data;
  throw badRequest(describeIssue(parsed.error));
}

function checkBodyOf(request: FastifyRequest, body: z.ZodType | undefined): unknown {
  if (body === undefined) return undefined;
  const parsed = body.safeParse(request.body);
  if (parsed.success) return parsed.data;
  throw badRequest(`the JSON is not what this route takes: ${describeIssue(parsed.error)}`);
}

/** The first thing that is wrong, with the place where it is; values stay out of it. */
function describeIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (issue === undefined) return "it is not valid";
  const place = issue.path.join(".").slice(0, 100);
  return place === "" ? issue.message : `${place}: ${issue.message}`;
}

function verbsByPath(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const verbs = new Map<string, readonly string[]>();
  for (const each of routes) verbs.set(each.path, [...(verbs.get(each.path) ?? []), ...verbsOf(each)]);
  return verbs;
}

function verbsOf({ method }: Route): string[] {
  return method === "GET" ? ["GET", "HEAD"] : [method];
}

function refuseOtherMethods(scope: FastifyInstance, url: string, allowed: readonly string[]): void {
  const method = scope.supportedMethods.filter((name) => !allowed.includes(name) && !unrouted.has(name));
  const headers = { allow: allowed.join(", ") };
  scope.route({
    method,
    url,
    exposeHeadRoute: false,
    schema: hidden,
    handler: async () => {
      throw new HttpError(405, "method_not_allowed", `this path allows only ${headers.allow}`, headers);
    },
  });
}

/** What keeps a route out of the documents of @fastify/swagger. */
const hidden: object = { hide: true };

const unrouted: ReadonlySet<string> = new Set(["OPTIONS", "TRACE"]);
