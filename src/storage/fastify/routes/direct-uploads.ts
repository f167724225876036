import type { z } from "zod";
import { badRequest, clientSignal, type Route, type RouteCall, route } from "../../../http/index.js";
import { sniffContentType } from "../../content/content-type.js";
import { tooLarge } from "../../content/size-check.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import type { StorageFiles } from "../../storage-files.js";
import { find, keyFrom } from "../upload/upload.js";
import { writeConditions } from "../upload/write-conditions.js";
import { answerStored } from "./management-files.js";
import type { RouteContext, StorageOfCaller } from "./route-context.js";
import { nothing, preparedUpload, prepareRequest, storedFile } from "./schemas.js";

/** Routes of uploads that go straight to the provider: prepare, complete, abort. */
export function directUploadRoutes(context: RouteContext, storageOf: StorageOfCaller): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/uploads",
      permission: "upload",
      summary: "Prepares an upload: where to send the content, and how",
      body: prepareRequest,
      answers: { 201: preparedUpload },
      handle: (call) => answerPrepared(call, storageOf(call.request), context),
    }),
    route({
      method: "POST",
      path: "/uploads/:id/complete",
      permission: "upload",
      summary: "Checks the content that was sent, and stores it",
      answers: { 200: storedFile },
      handle: async (call) => {
        const signal = clientSignal(call.reply);
        return answerStored(call, await storageOf(call.request).completeUpload(idOf(call), { signal }));
      },
    }),
    route({
      method: "DELETE",
      path: "/uploads/:id",
      permission: "upload",
      summary: "Drops an upload",
      answers: { 204: nothing },
      handle: async (call) => {
        await storageOf(call.request).abortUpload(idOf(call), { signal: clientSignal(call.reply) });
        return call.reply.code(204).send();
      },
    }),
  ];
}

async function answerPrepared(
  { request, reply, body }: RouteCall<unknown, z.output<typeof prepareRequest>>,
  storage: StorageFiles,
  { maxUploadBytes: maxBytes, byteRate, signer }: RouteContext,
): Promise<z.input<typeof preparedUpload>> {
  const { checksum, filename, ...described } = body;
  const key = described.key ?? keyFrom(filename);
  const contentType = described.contentType ?? sniffContentType(noBytes, filename ?? key);
  const { size, metadata, expiresIn } = described;
  if (size > maxBytes) throw tooLarge({ maxBytes });
  const signal = clientSignal(reply);
  const conditions = await writeConditions(request.headers, () => find({ storage, signal }, key));
  const options = {
    ...conditions,
    size,
    contentType,
    filename,
    metadata,
    expiresIn,
    checksum: checksumOf(checksum),
    policy: Number.isSafeInteger(maxBytes) ? { maxBytes } : undefined,
    signal,
  };
  // What comes by the file route is counted there by its address.
  const prepared = await byteRate.countAhead(request, size, signer === undefined, {
    prepare: () => storage.prepareUpload(key, options),
    undo: ({ id }) => storage.abortUpload(id),
  });
  request.log.info({ key, size }, "upload prepared");
  reply.code(201).header("cache-control", "no-store");
  const { url, expiresAt, parts, ...rest } = prepared;
  return { ...rest, url: url ?? null, parts: [...parts], expiresAt: expiresAt.toISOString() };
}

/** Nothing has come yet, so only the name tells the type. */
const noBytes = new Uint8Array();

function checksumOf(raw: string | undefined): Checksum | undefined {
  if (raw === undefined || isChecksum(raw)) return raw;
  throw badRequest("checksum must be crc32: or sha256: followed by lower-case hex");
}

function idOf({ request }: RouteCall): string {
  return String(Object(request.params).id);
}
