import type { FastifyReply, FastifyRequest } from "fastify";
import {
  badRequest,
  clientSignal,
  formatEntityTag,
  HttpError,
  type Route,
  type RouteCall,
  route,
} from "../../../http/index.js";
import type { StoredFile } from "../../options.js";
import { serve } from "../download/serve-object.js";
import { headerMetadata, isForm, storeBody, storeForm, type Upload } from "../upload/upload.js";
import { deleteFile } from "./delete-file.js";
import { KeyPath } from "./key-path.js";
import type { RouteContext, StorageOfCaller } from "./route-context.js";
import { anyBytes, fileQuery, keyText, nothing, storedFile, uploadForm, uploadQuery } from "./schemas.js";

/** Routes that move the bytes of objects: upload, download, write, delete. */
export function fileRoutes(
  root: string,
  { maxUploadBytes: maxBytes, byteRate }: RouteContext,
  storageOf: StorageOfCaller,
): readonly Route[] {
  // Credentials of a browser let its user in, not the page that shows the file.
  const resourcePolicy = "same-origin";
  const files = new KeyPath(`${root}/files/`);
  const downloads = new KeyPath(`${root}/download/`);
  const uploadOf = ({ request, reply }: RouteCall): Upload => {
    return { request, storage: storageOf(request), maxBytes, byteRate, signal: clientSignal(reply) };
  };
  return [
    route({
      method: "POST",
      path: "/upload",
      permission: "upload",
      summary: "Stores the file of a form, or the bare content under `key`",
      query: uploadQuery,
      content: uploadForm,
      answers: { 200: storedFile },
      handle: async (call) => answerStored(call, await storeUpload(uploadOf(call), call.query)),
    }),
    route({
      method: "PUT",
      path: "/files/*",
      permission: "upload",
      summary: "Stores the bare content under the key",
      wildcard: keyText,
      query: fileQuery,
      content: anyBytes,
      answers: { 200: storedFile },
      handle: async (call) => {
        const { request, query } = call;
        if (isForm(request)) {
          throw new HttpError(415, "unsupported_type", "this path takes the bare content");
        }
        const description = { metadata: headerMetadata(request), filename: query.filename };
        return answerStored(call, await storeBody(uploadOf(call), files.keyOf(request), description));
      },
    }),
    route({
      method: "DELETE",
      path: "/files/*",
      permission: "delete",
      summary: "Deletes an object",
      wildcard: keyText,
      answers: { 204: nothing },
      handle: async ({ request, reply }) => {
        await deleteFile(request, reply, storageOf(request), files.keyOf(request));
        return reply.code(204).send();
      },
    }),
    route({
      method: "GET",
      path: "/download/*",
      permission: "download",
      summary: "The bytes of an object; conditions and ranges as in RFC 9110",
      wildcard: keyText,
      answers: { 200: anyBytes, 206: anyBytes },
      handle: ({ request, reply }) => {
        // Who may read it was decided for this caller: no shared cache may answer another with it (RFC 9111 §3.5).
        const cacheControl = "private, no-cache";
        const presentation = { download: false, filename: undefined, resourcePolicy, cacheControl } as const;
        const key = downloads.keyOf(request);
        return serve({ request, reply, storage: storageOf(request), key, presentation });
      },
    }),
  ];
}

/** A form brings its key inside, a bare body in the query. */
async function storeUpload(
  upload: Upload,
  { key, filename }: { readonly key?: string | undefined; readonly filename?: string | undefined },
): Promise<StoredFile> {
  const { request } = upload;
  if (isForm(request)) return storeForm(upload, key);
  if (key === undefined)
    throw badRequest("give the key as '?key=', or send multipart/form-data with a part 'file'");
  return storeBody(upload, key, { metadata: headerMetadata(request), filename });
}

/** Answers with what was stored, and logs it. */
export function answerStored(
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  { key, url, size, contentType, etag, checksum }: StoredFile,
): FastifyReply {
  request.log.info({ key, size }, "file uploaded");
  const tag = formatEntityTag(etag);
  if (tag !== undefined) reply.header("etag", tag);
  return reply
    .header("cache-control", "no-store")
    .send({ key, url: url ?? null, size, contentType, etag, checksum: checksum ?? null });
}
