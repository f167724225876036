import type { FastifyReply, FastifyRequest } from "fastify";
import {
  clientSignal,
  contentRange,
  evaluate,
  HttpError,
  hasPreconditions,
  parseRange,
  rangeApplies,
} from "../../../http/index.js";
import type { ByteRange } from "../../contract/backend.js";
import { BackendUnavailableError, InvalidRangeError, PreconditionFailedError } from "../../contract/error.js";
import type { FileDetails, OpenedFile } from "../../options.js";
import type { Storage } from "../../storage.js";
import { contentHeaders, type Presentation, validatorHeaders } from "./response-headers.js";
import { sendBody } from "./send-body.js";

/** One request for one stored object. */
export interface ServedObject {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly storage: Storage;
  readonly key: string;
  readonly presentation: Presentation;
}

/** The same, with what ends its calls when the client leaves. */
interface ServedToClient extends ServedObject {
  readonly signal: AbortSignal;
}

/** Answers GET or HEAD of a stored object as RFC 9110 §13 and §14 say. */
export async function serve(object: ServedObject): Promise<FastifyReply> {
  const { request, storage, key } = object;
  const signal = clientSignal(object.reply);
  const served = { ...object, signal };
  const { headers } = request;
  if (request.method === "HEAD") return answerHead(served, await storage.getMetadata(key, { signal }));
  const range = parseRange(headers.range);
  if (!hasPreconditions(headers) && (range === undefined || headers["if-range"] === undefined)) {
    return answerPart(served, range, undefined);
  }
  return retryOnce(async () => {
    const file = await storage.getMetadata(key, { signal });
    const early = answerCondition(served, file);
    if (early !== undefined) return early;
    return answerPart(served, rangeApplies(headers, file) ? range : undefined, file.etag);
  });
}

/** Once more from the start when the object was replaced between its conditions and its bytes. */
async function retryOnce(attempt: () => Promise<FastifyReply>): Promise<FastifyReply> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof PreconditionFailedError)) throw error;
  }
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof PreconditionFailedError)) throw error;
    throw new BackendUnavailableError({
      message: "the object keeps changing",
      retryAfterMs: 1000,
      cause: error,
    });
  }
}

/** A range on HEAD is ignored (RFC 9110 §14.2). */
function answerHead(served: ServedObject, file: FileDetails): FastifyReply {
  const early = answerCondition(served, file);
  if (early !== undefined) return early;
  const { reply, presentation } = served;
  return reply.headers(contentHeaders(file, presentation)).header("content-length", file.size).send();
}

function answerCondition({ request, reply }: ServedObject, file: FileDetails): FastifyReply | undefined {
  const verdict = evaluate(request.headers, file, true);
  if (verdict === "pass") return undefined;
  if (verdict === "not-modified") return reply.code(304).headers(validatorHeaders(file)).send();
  throw new HttpError(412, "precondition_failed", "the object is not in the state that was asked for");
}

async function answerPart(
  served: ServedToClient,
  range: ByteRange | undefined,
  ifMatch: string | undefined,
): Promise<FastifyReply> {
  const { reply, presentation } = served;
  const file = await openPart(served, range, ifMatch);
  if (range !== undefined && file.size > 0) {
    reply.code(206).header("content-range", contentRange(file, file.size));
  }
  reply.headers(contentHeaders(file, presentation)).header("content-length", file.end - file.start);
  return sendBody(reply, file.body);
}

async function openPart(
  { storage, key, signal }: ServedToClient,
  range: ByteRange | undefined,
  ifMatch: string | undefined,
): Promise<OpenedFile> {
  try {
    if (range !== undefined && "suffix" in range && range.suffix === 0) {
      throw new InvalidRangeError({ message: "the range holds no byte" });
    }
    return await storage.open(key, { range, ifMatch, signal });
  } catch (error) {
    if (!(error instanceof InvalidRangeError) || range === undefined) throw error;
    const { size } = await storage.getMetadata(key, { signal });
    if (size === 0 && "suffix" in range && range.suffix > 0) return storage.open(key, { ifMatch, signal });
    throw new HttpError(416, "invalid_range", error.message, { "content-range": `bytes */${size}` });
  }
}
