import type { FastifyInstance, FastifyRequest } from "fastify";
import { clientSignal, forbidden, mountRoutes, queryOf, type Route, route } from "../../../http/index.js";
import type { Key } from "../../contract/key.js";
import type { VerifiedUrl } from "../../contract/signed-url.js";
import { serve } from "../download/serve-object.js";
import { storeBody } from "../upload/upload.js";
import { KeyPath } from "./key-path.js";
import { answerStored } from "./management-files.js";
import { prepareScope, type RouteContext } from "./route-context.js";
import { anyBytes, keyText, storedFile } from "./schemas.js";

/**
 * The file route: the holder of a signed URL may do what it says, and nothing else. All refusals look the
 * same: none tells a changed URL from an expired one or from one of another key.
 */
export async function signedRoutes(scope: FastifyInstance, context: RouteContext): Promise<void> {
  prepareScope(scope, context, false);
  mountRoutes(scope, fileRoute(scope.prefix, context), { tag: "files" });
}

function fileRoute(root: string, context: RouteContext): readonly Route[] {
  const { storage, maxUploadBytes: maxBytes } = context;
  const path = new KeyPath(`${root}/`);
  return [
    route({
      method: "GET",
      path: "/*",
      summary: "The file, for the holder of a signed URL",
      wildcard: keyText,
      answers: { 200: anyBytes, 206: anyBytes },
      handle: ({ request, reply }) => {
        const key = path.keyOf(request);
        const { download, filename, cacheControl } = verify(context, request, "get", key);
        const { resourcePolicy } = context;
        const presentation = { download, filename, cacheControl, resourcePolicy };
        return serve({ request, reply, storage, key, presentation });
      },
    }),
    route({
      method: "PUT",
      path: "/*",
      summary: "Stores the content, for the holder of a signed URL",
      wildcard: keyText,
      content: anyBytes,
      answers: { 200: storedFile },
      handle: async ({ request, reply }) => {
        const key = path.keyOf(request);
        const { contentType, size } = verify(context, request, "put", key);
        const isOfType = contentType !== undefined && request.headers["content-type"] === contentType;
        const isOfSize = size === undefined || request.headers["content-length"] === String(size);
        if (!isOfType || !isOfSize) throw notValid();
        const upload = { request, storage, maxBytes, signal: clientSignal(reply) };
        const stored = await storeBody(upload, key, { contentType });
        return answerStored({ request, reply }, { ...stored, url: undefined });
      },
    }),
  ];
}

function verify(
  { signer }: RouteContext,
  request: FastifyRequest,
  method: "get" | "put",
  key: Key,
): VerifiedUrl {
  const verified = signer?.verify(method, key, queryOf(request));
  if (verified === undefined) throw notValid();
  return verified;
}

function notValid() {
  return forbidden("the URL is not valid, or not any more");
}
