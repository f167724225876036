import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  clientSignal,
  declaredLength,
  forbidden,
  mountRoutes,
  queryOf,
  type Route,
  route,
  statedDigests,
  withDigests,
} from "../../../http/index.js";
import { otherSize } from "../../content/size-check.js";
import type { Bytes } from "../../contract/backend.js";
import { isStaged, type Key } from "../../contract/key.js";
import type { UrlRefusal, UrlVerdict, VerifiedUrl } from "../../contract/signed-url.js";
import { receiveStaged } from "../../uploads/receive.js";
import type { ByteRate } from "../byte-rate.js";
import type { Presentation } from "../download/response-headers.js";
import { serve } from "../download/serve-object.js";
import { openBody } from "../upload/open-body.js";
import { storeBody, unwrapped } from "../upload/upload.js";
import { allowPages } from "./allow-pages.js";
import { KeyPath } from "./key-path.js";
import { answerStored } from "./management-files.js";
import { prepareScope, type RouteContext } from "./route-context.js";
import { anyBytes, keyText, nothing, storedFile } from "./schemas.js";

/**
 * The file route: the holder of a signed URL may do what it says, and nothing else; files that are declared public need
 * none to be read. All refusals look the same: none tells a changed URL from an expired one or from one of another key.
 */
export async function signedRoutes(scope: FastifyInstance, context: RouteContext): Promise<void> {
  prepareScope(scope, context, false);
  await allowPages(scope, context.allowOrigins);
  scope.addHook("onRequest", (request, reply) =>
    context.countRequest(request, reply, request.method === "PUT" ? "uploads" : "reads"),
  );
  mountRoutes(scope, fileRoute(scope.prefix, context), { tag: "files" });
}

function fileRoute(root: string, context: RouteContext): readonly Route[] {
  const { storage, maxUploadBytes: maxBytes, byteRate } = context;
  const path = new KeyPath(`${root}/`);
  return [
    route({
      method: "GET",
      path: "/*",
      summary: "The file, for the holder of a signed URL; a public one for everyone",
      wildcard: keyText,
      answers: { 200: anyBytes, 206: anyBytes },
      handle: ({ request, reply }) => {
        const key = path.keyOf(request);
        const presentation = presentationOf(context, request, key);
        return serve({ request, reply, storage, key, presentation });
      },
    }),
    route({
      method: "PUT",
      path: "/*",
      summary: "Stores the content, for the holder of a signed URL",
      wildcard: keyText,
      content: anyBytes,
      answers: { 200: storedFile, 204: nothing },
      handle: async ({ request, reply }) => {
        const key = path.objectNameOf(request);
        const { contentType, size } = verify(context, request, key);
        const isOfType = contentType !== undefined && request.headers["content-type"] === contentType;
        if (!isOfType) throw notValid(request, "other type");
        if (isStaged(key)) {
          const source = await stagedBody(request, size ?? 0, byteRate);
          const received = { source, size: size ?? 0, signal: clientSignal(reply) };
          await unwrapped(receiveStaged(storage.backend, key, received));
          return reply.code(204).send();
        }
        const isOfSize = size === undefined || request.headers["content-length"] === String(size);
        if (!isOfSize) throw notValid(request, "other size");
        const upload = { request, storage, maxBytes, byteRate, signal: clientSignal(reply) };
        const stored = await storeBody(upload, key, { contentType });
        return answerStored({ request, reply }, { ...stored, url: undefined });
      },
    }),
  ];
}

/** The content of an upload that was prepared, which may be larger than others: its size was checked then. */
async function stagedBody(request: FastifyRequest, size: number, byteRate: ByteRate): Promise<Bytes> {
  const length = declaredLength(request.raw);
  if (length !== undefined && length < size) throw otherSize(length, size);
  const body = await openBody(request, { maxBytes: size, envelopeBytes: 0 }, byteRate);
  return withDigests(body, statedDigests(request.headers));
}

/** A signature counts also for a public file: it can say more, as that the file is to be saved. */
function presentationOf(context: RouteContext, request: FastifyRequest, key: Key): Presentation {
  const { publicFiles, resourcePolicy } = context;
  const verdict = inspect(context, request, "get", key);
  if ("allows" in verdict) {
    const { download, filename, cacheControl } = verdict.allows;
    return { download, filename, cacheControl, resourcePolicy };
  }
  if (publicFiles?.files.has(key) !== true) throw notValid(request, verdict.refusal);
  const { cacheControl: defaultCacheControl } = publicFiles;
  return { download: false, filename: undefined, defaultCacheControl, resourcePolicy };
}

function verify(context: RouteContext, request: FastifyRequest, key: Key): VerifiedUrl {
  const verdict = inspect(context, request, "put", key);
  if ("refusal" in verdict) throw notValid(request, verdict.refusal);
  return verdict.allows;
}

function inspect(
  { signer }: RouteContext,
  request: FastifyRequest,
  method: "get" | "put",
  key: Key,
): UrlVerdict {
  return signer?.inspect(method, key, queryOf(request)) ?? { refusal: "malformed" };
}

type RefusalReason = UrlRefusal | "other type" | "other size";

/** The reason is for the log only: a caller would learn from it how to forge a URL. */
function notValid(request: FastifyRequest, reason: RefusalReason): Error {
  request.log.info({ reason }, "a signed URL was refused");
  return forbidden("the URL is invalid or has expired");
}
