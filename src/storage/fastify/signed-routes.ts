import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Key } from "../key.js";
import type { VerifiedUrl } from "../signed-url.js";
import { clientSignal } from "./client-signal.js";
import { prepareScope, refuseOtherMethods, type StorageEdge } from "./edge.js";
import { answerStored } from "./management-files.js";
import { forbidden } from "./refusal.js";
import { serve } from "./serve.js";
import { KeyPath, queryOf } from "./target.js";
import { storeBody } from "./upload.js";

/**
 * The file route: whoever has a signed URL may do what it says, and nothing else. All refusals look the
 * same: none tells a changed URL from an expired one or from one of another key.
 */
export async function signedRoutes(scope: FastifyInstance, edge: StorageEdge): Promise<void> {
  prepareScope(scope, edge, false);
  const { storage, maxUploadBytes } = edge;
  const path = new KeyPath(`${scope.prefix}/`);
  const verify = async (request: FastifyRequest, method: "get" | "put", key: Key): Promise<VerifiedUrl> => {
    const signer = await storage.backend.signer();
    const verified = signer?.verify(method, key, queryOf(request));
    if (verified === undefined) throw forbidden("the URL is not valid, or not any more");
    return verified;
  };
  scope.route({
    method: ["GET", "HEAD"],
    url: "/*",
    handler: async (request, reply) => {
      const key = path.keyOf(request);
      const presentation = await verify(request, "get", key);
      return serve({ request, reply, storage, key, presentation });
    },
  });
  scope.put("/*", async (request, reply) => {
    const key = path.keyOf(request);
    const { contentType, size } = await verify(request, "put", key);
    const isOfType = contentType !== undefined && request.headers["content-type"] === contentType;
    if (!isOfType || (size !== undefined && request.headers["content-length"] !== String(size))) {
      throw forbidden("the URL is not valid, or not any more");
    }
    const upload = { request, storage, maxBytes: maxUploadBytes, signal: clientSignal(reply) };
    const stored = await storeBody(upload, key, { contentType });
    return answerStored(request, reply, { ...stored, url: undefined });
  });
  refuseOtherMethods(scope, "/*", ["GET", "HEAD", "PUT"]);
}
