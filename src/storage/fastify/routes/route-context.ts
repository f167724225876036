import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Closing, drainAfterError, HttpError, problemHandler } from "../../../http/index.js";
import type { Storage } from "../../storage.js";
import type { Authorize } from "./authorize.js";

/** How a storage was chosen, for people. */
export interface Origin {
  readonly because: string;
  /** Variables that the backend needs and that are not set. */
  readonly missing: readonly string[];
}

/** What the routes of one storage share. */
export interface RouteContext {
  readonly storage: Storage;
  readonly origin: Origin;
  readonly authorize: Authorize | "open" | undefined;
  /** Most bytes of one upload. */
  readonly maxUploadBytes: number;
  readonly closing: Closing;
}

/** The part of the storage that the caller of a request may see. */
export type StorageOfCaller = (request: FastifyRequest) => Storage;

/**
 * Makes a scope take content as a stream and answer failures as problem+json. All of it stays inside the
 * scope: parsers, error handlers and plugins of the app around it are not touched.
 */
export function prepareScope(
  scope: FastifyInstance,
  { closing }: RouteContext,
  tellsInstance: boolean,
): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
  scope.setErrorHandler(problemHandler(tellsInstance));
  scope.addHook("onRequest", (_request, reply, done) => {
    closing.track(reply.raw);
    done();
  });
  scope.addHook("onSend", drainAfterError);
}

/** Answers 405 with `Allow` (RFC 9110 §15.5.6) for the verbs that a path does not have. OPTIONS is CORS's. */
export function refuseOtherMethods(scope: FastifyInstance, url: string, allowed: readonly string[]): void {
  const method = scope.supportedMethods.filter((name) => !allowed.includes(name) && !unrouted.has(name));
  const headers = { allow: allowed.join(", ") };
  scope.route({
    method,
    url,
    exposeHeadRoute: false,
    handler: async () => {
      throw new HttpError(405, "method_not_allowed", `this path has only ${headers.allow}`, headers);
    },
  });
}

const unrouted: ReadonlySet<string> = new Set(["OPTIONS", "TRACE"]);
