import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Closing, drainAfterError, problemHandler } from "../../../http/index.js";
import type { UrlSigner } from "../../contract/signed-url.js";
import type { Storage } from "../../storage.js";
import type { StorageFiles } from "../../storage-files.js";
import type { ResourcePolicy } from "../download/response-headers.js";
import type { PublicFileRoute } from "../public-file-route.js";
import type { RateChecks } from "../rate-limit.js";
import type { Authorize } from "./authorize.js";

/** How a storage was chosen, for people. */
export interface Origin {
  readonly reason: string;
  /** Variables that the backend needs and that are not set. */
  readonly missing: readonly string[];
}

/** What the routes of one storage share. */
export interface RouteContext extends RateChecks {
  readonly storage: Storage;
  readonly origin: Origin;
  readonly authorize: Authorize | "open" | undefined;
  /** The signer whose URLs the file route honours. */
  readonly signer: UrlSigner | undefined;
  /** Most bytes of one upload. */
  readonly maxUploadBytes: number;
  readonly closing: Closing;
  /** Files that the file route serves without a signature. */
  readonly publicFiles: PublicFileRoute | undefined;
  /** Whose pages may show the files of the file route. */
  readonly resourcePolicy: ResourcePolicy;
  /** Origins whose pages may call the management routes and the file route. */
  readonly allowOrigins: readonly string[];
}

/** The part of the storage that the caller of a request may see. */
export type StorageOfCaller = (request: FastifyRequest) => StorageFiles;

/**
 * Makes a scope answer failures as problem+json, and decide itself which pages may call it. All of it stays inside the
 * scope: error handlers and plugins of the app around it are not touched.
 */
export function prepareScope(
  scope: FastifyInstance,
  { closing }: RouteContext,
  tellsInstance: boolean,
): void {
  scope.setErrorHandler(problemHandler(tellsInstance));
  scope.addHook("onRoute", (route) => {
    route.config = { ...route.config, ownPageBoundary: true };
  });
  scope.addHook("onRequest", (_request, reply, done) => {
    closing.track(reply.raw);
    reply.header("x-content-type-options", "nosniff");
    done();
  });
  scope.addHook("onSend", drainAfterError);
}
