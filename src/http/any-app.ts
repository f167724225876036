import type { FastifyInstance, FastifyRequest } from "fastify";
import { ConfigurationError } from "../kernel/index.js";

/**
 * Any Fastify app: over HTTP, HTTPS or HTTP/2, with any logger and any type provider. Fastify's own type names all
 * three, so that an app with `loggerInstance: pino()` is no `FastifyInstance` of the default kind.
 */
export interface AnyApp {
  readonly server: object;
  readonly log: object;
  readonly prefix: string;
  readonly register: (...args: never[]) => unknown;
  readonly decorate: (...args: never[]) => unknown;
  readonly addHook: (...args: never[]) => unknown;
  readonly route: (...args: never[]) => unknown;
}

/** A request of {@link AnyApp}. */
export interface AnyRequest {
  readonly server: AnyApp;
  readonly raw: object;
  readonly headers: object;
  readonly routeOptions: object;
}

/**
 * The app, as the kit's own code works with it.
 *
 * @throws ConfigurationError for what is no app.
 */
export function fastifyOf(app: AnyApp): FastifyInstance {
  if (typeof Object(app).hasDecorator !== "function") {
    const message = "is no app of Fastify; write const app = Fastify(), and give the app first";
    throw new ConfigurationError([{ name: "app", message }]);
  }
  return app as unknown as FastifyInstance;
}

/** The request, as the kit's own code works with it. */
export function requestOf(request: AnyRequest): FastifyRequest {
  return request as unknown as FastifyRequest;
}

/** The app itself, or the app that a request came to. */
export function appOf(from: AnyApp | AnyRequest): FastifyInstance {
  return fastifyOf("raw" in Object(from) ? Object(from).server : from);
}
