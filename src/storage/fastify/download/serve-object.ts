import type { FastifyReply, FastifyRequest } from "fastify";
import {
  clientSignal,
  contentRange,
  evaluate,
  HttpError,
  parseRange,
  rangeApplies,
} from "../../../http/index.js";
import type { ByteRange } from "../../contract/backend.js";
import { InvalidRangeError } from "../../contract/error.js";
import type { FileDetails, OpenedFile } from "../../options.js";
import type { StorageFiles } from "../../storage-files.js";
import { contentHeaders, type Presentation, validatorHeaders } from "./response-headers.js";
import { sendBody } from "./send-body.js";

/** One request for one stored object. */
export interface ServedObject {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly storage: StorageFiles;
  readonly key: string;
  readonly presentation: Presentation;
}

/** The same, with what ends its calls when the client leaves. */
interface ServedToClient extends ServedObject {
  readonly signal: AbortSignal;
}

/**
 * Answers GET or HEAD of a stored object as RFC 9110 §13 and §14 say. Conditions cost one call to the backend in
 * the case that they are sent for: `If-None-Match` and `If-Modified-Since` expect 304 and are decided before the
 * object is opened; `If-Match`, `If-Unmodified-Since` and `If-Range` expect the bytes and are decided after it.
 */
export async function serve(object: ServedObject): Promise<FastifyReply> {
  const { request, storage, key } = object;
  const served = { ...object, signal: clientSignal(object.reply) };
  const { headers, method } = request;
  if (method === "HEAD") return answerHead(served, await storage.getMetadata(key, { signal: served.signal }));
  const range = parseRange(headers.range);
  const isDecidedFirst = headers["if-none-match"] !== undefined || headers["if-modified-since"] !== undefined;
  return isDecidedFirst ? decideThenOpen(served, range) : openThenDecide(served, range);
}

async function decideThenOpen(served: ServedToClient, range: ByteRange | undefined): Promise<FastifyReply> {
  const { request, storage, key, signal } = served;
  const file = await storage.getMetadata(key, { signal });
  const early = answerCondition(served, file);
  if (early !== undefined) return early;
  return openThenDecide(served, rangeApplies(request.headers, file) ? range : undefined);
}

/** The conditions are compared with the version whose bytes are sent. */
async function openThenDecide(served: ServedToClient, range: ByteRange | undefined): Promise<FastifyReply> {
  const file = await openPart(served, range);
  try {
    const early = answerCondition(served, file);
    if (early !== undefined) {
      await file.body.close();
      return early;
    }
  } catch (error) {
    await file.body.close();
    throw error;
  }
  if (range === undefined || rangeApplies(served.request.headers, file)) {
    return answerPart(served, file, range);
  }
  await file.body.close();
  return openThenDecide(served, undefined);
}

/** A range on HEAD is ignored (RFC 9110 §14.2). */
function answerHead(served: ServedObject, file: FileDetails): FastifyReply {
  const early = answerCondition(served, file);
  if (early !== undefined) return early;
  const { reply, presentation } = served;
  return reply.headers(contentHeaders(file, presentation)).header("content-length", file.size).send();
}

function answerCondition(
  { request, reply, presentation }: ServedObject,
  file: FileDetails,
): FastifyReply | undefined {
  const verdict = evaluate(request.headers, file, true);
  if (verdict === "pass") return undefined;
  if (verdict === "not-modified") return reply.code(304).headers(validatorHeaders(file, presentation)).send();
  throw new HttpError(412, "precondition_failed", "the object is not in the state that was asked for");
}

async function answerPart(
  { reply, presentation }: ServedToClient,
  file: OpenedFile,
  range: ByteRange | undefined,
): Promise<FastifyReply> {
  if (range !== undefined && file.size > 0) {
    reply.code(206).header("content-range", contentRange(file, file.size));
  }
  reply.headers(contentHeaders(file, presentation)).header("content-length", file.end - file.start);
  return sendBody(reply, file.body);
}

async function openPart(served: ServedToClient, range: ByteRange | undefined): Promise<OpenedFile> {
  const { storage, key, signal } = served;
  try {
    if (range !== undefined && "suffix" in range && range.suffix === 0) {
      throw new InvalidRangeError({ message: "the range holds no byte" });
    }
    return await storage.open(key, { range, signal });
  } catch (error) {
    if (!(error instanceof InvalidRangeError) || range === undefined) throw error;
    return openAfterInvalidRange(served, range, error);
  }
}

/**
 * Preconditions come before the range (RFC 9110 §13.2.2): they may lead to 412, 304 or the whole object. A suffix range
 * of an empty object is the whole object; any other range of it is 416.
 */
async function openAfterInvalidRange(
  { request, storage, key, signal }: ServedToClient,
  range: ByteRange,
  { message }: InvalidRangeError,
): Promise<OpenedFile> {
  const { headers } = request;
  const file = await storage.getMetadata(key, { signal });
  const isEmptySuffix = file.size === 0 && "suffix" in range && range.suffix > 0;
  if (isEmptySuffix || evaluate(headers, file, true) !== "pass" || !rangeApplies(headers, file)) {
    return storage.open(key, { signal });
  }
  throw new HttpError(416, "invalid_range", message, { "content-range": `bytes */${file.size}` });
}
