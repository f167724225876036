import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { badRequest, clientSignal, formatEntityTag, HttpError, readParameters } from "../../../http/index.js";
import { FileNotFoundError } from "../../contract/error.js";
import type { FileDetails, SignalOption, StoredFile } from "../../options.js";
import type { Storage } from "../../storage.js";
import { serve } from "../download/serve-object.js";
import { headerMetadata, isForm, storeBody, storeForm, type Upload } from "../upload/upload.js";
import { checkedVersion } from "../upload/write-conditions.js";
import { KeyPath } from "./key-path.js";
import type { RouteContext, StorageOfCaller } from "./route-context.js";

/** Routes that move the bytes of objects: upload, download, write, delete. */
export function addFileRoutes(scope: FastifyInstance, edge: RouteContext, storageOf: StorageOfCaller): void {
  const uploadOf = (request: FastifyRequest, reply: FastifyReply): Upload => ({
    request,
    storage: storageOf(request),
    maxBytes: edge.maxUploadBytes,
    signal: clientSignal(reply),
  });
  scope.post("/upload", { config: { storageRoute: "upload" } }, async (request, reply) =>
    answerStored(request, reply, await storeUpload(uploadOf(request, reply))),
  );
  const written = new KeyPath(`${scope.prefix}/files/`);
  scope.put("/files/*", { config: { storageRoute: "upload" } }, async (request, reply) => {
    if (isForm(request)) throw new HttpError(415, "unsupported_type", "this path takes the bare content");
    const key = written.keyOf(request);
    return answerStored(
      request,
      reply,
      await storeBody(uploadOf(request, reply), key, describeBody(request)),
    );
  });
  scope.delete("/files/*", { config: { storageRoute: "delete" } }, async (request, reply) => {
    const key = written.keyOf(request);
    const storage = storageOf(request);
    const options = { signal: clientSignal(reply) };
    const file = await find(storage, key, options);
    checkedVersion(request.headers, file);
    const isDeleted = await storage.delete(key, options);
    // Where a deletion cannot tell whether there was an object, what was found before it has to do.
    if (!isDeleted && storage.capabilities.exactDelete) {
      throw noSuchObject(key);
    }
    request.log.info({ key, size: file.size }, "file deleted");
    return reply.code(204).send();
  });
  const served = new KeyPath(`${scope.prefix}/download/`);
  scope.route({
    method: ["GET", "HEAD"],
    url: "/download/*",
    config: { storageRoute: "download" },
    handler: async (request, reply) => {
      const presentation = { download: false, filename: undefined };
      return serve({ request, reply, storage: storageOf(request), key: served.keyOf(request), presentation });
    },
  });
}

/** What is to be deleted; that it was looked at first is no business of the client's. */
async function find(storage: Storage, key: string, options: SignalOption): Promise<FileDetails> {
  try {
    return await storage.getMetadata(key, options);
  } catch (error) {
    throw error instanceof FileNotFoundError ? noSuchObject(key) : error;
  }
}

function noSuchObject(key: string): FileNotFoundError {
  return new FileNotFoundError({ message: `there is no object '${key}'`, key });
}

/** A form brings its key inside, a bare body in the query. */
async function storeUpload(upload: Upload): Promise<StoredFile> {
  const { request } = upload;
  const { key } = readParameters(request, ["key"]);
  if (isForm(request)) return storeForm(upload, key);
  if (key === undefined)
    throw badRequest("give the key as '?key=', or send multipart/form-data with a part 'file'");
  return storeBody(upload, key, describeBody(request));
}

function describeBody(request: FastifyRequest) {
  const { filename } = readParameters(request, ["filename"]);
  return { metadata: headerMetadata(request), filename };
}

/** Answers with what was stored, and logs it. */
export function answerStored(
  request: FastifyRequest,
  reply: FastifyReply,
  { key, url, size, contentType, etag, checksum }: StoredFile,
): FastifyReply {
  request.log.info({ key, size }, "file uploaded");
  const tag = formatEntityTag(etag);
  if (tag !== undefined) reply.header("etag", tag);
  return reply
    .header("cache-control", "no-store")
    .send({ key, url: url ?? null, size, contentType, etag, checksum: checksum ?? null });
}
