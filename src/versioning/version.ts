import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type AnyApp, fastifyOf, HttpError } from "../http/index.js";
import { ConfigurationError, checkGivenOptions, type OptionRules } from "../kernel/index.js";
import { type ApiInfo, addApiDocs } from "./api-docs.js";
import { type Lifetime, lifetimeHeaders, readLifetime, type VersionLifetime } from "./lifetime.js";
import { loadZodCompilers, takeZodSchemas } from "./zod-schemas.js";

declare module "fastify" {
  interface FastifyInstance {
    /** Whether versions show their documents unless they say otherwise. */
    hasApiDocs?: boolean;
  }
}

/** Options of {@link version}. */
export interface VersionOptions extends VersionLifetime {
  /** What the OpenAPI document says. Default: the name of the version as title and number. */
  readonly info?: Partial<ApiInfo> | undefined;
  /** Whether `/{name}/docs` shows the document. Default: as the service shows `/docs` (`ENABLE_DOCS`); true without one. */
  readonly docs?: boolean | undefined;
  /** Milliseconds since 1970. Default: the clock of the system. */
  readonly now?: (() => number) | undefined;
}

const rules: OptionRules<VersionOptions> = {
  call: "version",
  kinds: {
    info: "object",
    docs: "boolean",
    now: "function",
    deprecated: "anything",
    sunset: "anything",
    successor: "string",
  },
};

/** The app of one version, whose routes take zod schemas. */
export type VersionedApp = ReturnType<typeof withZod>;

/**
 * Puts routes, and any helper, under a version of the API: `/v1/…`, with an OpenAPI 3.1 document of their own at
 * `/v1/docs/json` and a page at `/v1/docs`. Answers of a deprecated version say so with `Deprecation` (RFC 9745),
 * `Sunset` (RFC 8594) and `Link` to its successor (RFC 5829); after the sunset they are 410.
 *
 * @param name - the first part of the path, like `v1`.
 * @param routes - registers the routes; what it adds to the app it gets is seen by this version alone.
 * @throws ConfigurationError when the name or a date cannot be used.
 * @example
 * ```ts
 * const lifetime = { deprecated: "2026-01-01", sunset: "2027-01-01", successor: "/v2" };
 * await version(app, "v1", async (v1) => {
 *   v1.get("/users", async () => listUsers());
 *   await addStorage(v1);
 * }, lifetime);
 * ```
 */
export async function version(
  anyApp: AnyApp,
  name: string,
  routes: (app: VersionedApp) => unknown,
  options: VersionOptions = {},
): Promise<void> {
  checkName(name);
  if (typeof routes !== "function") {
    const message = `takes a function that registers routes, as in version(app, "${name}", async (${name}) => { ... })`;
    throw new ConfigurationError([{ name: "version", message }]);
  }
  checkGivenOptions(options, rules);
  const lifetime = readLifetime(name, options);
  const info = { title: name, version: name, ...options.info };
  const compilers = await loadZodCompilers();
  await fastifyOf(anyApp).register(
    async (scope) => {
      if (options.docs ?? scope.hasApiDocs ?? true) await addApiDocs(scope, info, name);
      await scope.register(async (inner) => {
        inner.addHook("onRoute", function (route) {
          route.config = { ...route.config, apiVersion: name };
          takeZodSchemas(this, route, compilers);
        });
        announceLifetime(inner, name, lifetime, options.now ?? Date.now);
        await routes(withZod(inner));
      });
    },
    { prefix: `/${name}` },
  );
}

function withZod(app: FastifyInstance) {
  return app.withTypeProvider<ZodTypeProvider>();
}

function checkName(name: string): void {
  if (/^[a-z0-9][a-z0-9._-]*$/.test(name)) return;
  const message = `expected a name like v1, not ${JSON.stringify(name)}`;
  throw new ConfigurationError([{ name: "version", message }]);
}

function announceLifetime(scope: FastifyInstance, name: string, lifetime: Lifetime, now: () => number): void {
  const headers = lifetimeHeaders(lifetime);
  const { sunset, successor } = lifetime;
  if (successor !== undefined) linkSuccessor(scope, successor);
  if (Object.keys(headers).length === 0) return;
  const instead = successor === undefined ? "" : `; use ${successor}`;
  scope.addHook("onRequest", (_request, reply, done) => {
    reply.headers(headers);
    if (sunset === undefined || now() < sunset.getTime()) return done();
    done(new HttpError(410, "gone", `${name} ended on ${sunset.toISOString().slice(0, 10)}${instead}`));
  });
}

/** Beside the links of the answer itself. */
function linkSuccessor(scope: FastifyInstance, successor: string): void {
  const link = `<${successor}>; rel="successor-version"`;
  scope.addHook("onSend", (_request, reply, _payload, done) => {
    const own = [reply.getHeader("link") ?? []].flat().join(", ");
    // A kept answer that is given again has it already.
    if (!own.includes(link)) reply.header("link", own === "" ? link : `${own}, ${link}`);
    done();
  });
}
