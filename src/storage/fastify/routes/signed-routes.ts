import type { FastifyInstance, FastifyRequest } from "fastify";
import { clientSignal, forbidden, queryOf } from "../../../http/index.js";
import type { Key } from "../../contract/key.js";
import type { VerifiedUrl } from "../../contract/signed-url.js";
import { serve } from "../download/serve-object.js";
import { storeBody } from "../upload/upload.js";
import { KeyPath } from "./key-path.js";
import { answerStored } from "./management-files.js";
import { prepareScope, type RouteContext, refuseOtherMethods } from "./route-context.js";

/**
 * The file route: whoever has a signed URL may do what it says, and nothing else. All refusals look the
 * same: none tells a changed URL from an expired one or from one of another key.
 */
export async function signedRoutes(scope: FastifyInstance, edge: RouteContext): Promise<void> {
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
