import type { ByteRange, ObjectStat, OpenedObject, ReadOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { BytesReader, openedBytes, type PieceReader } from "../../contract/opened.js";
import { type Span, spanIn } from "../../contract/range.js";
import { openedResponse } from "../../contract/response-body.js";
import { anotherVersion, refusal } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { parseVersion } from "./headers/version.js";
import { sizedStat, statObject } from "./stat.js";
import { BodyStream } from "./wire/body-stream.js";
import type { OpenResponse } from "./wire/exchange.js";
import type { Headers } from "./wire/sigv4.js";

/** Opens one version of an object. */
export async function readObject(access: S3Access, key: Key, options: ReadOptions): Promise<OpenedObject> {
  const { range, signal } = options;
  if (range !== undefined && "suffix" in range && range.suffix === 0)
    await refuseEmptySuffix(access, key, options);
  const opened = await open(access, key, options);
  const reopen = async (start: number) => {
    const rest = { range: { start, end: opened.end - 1 }, ifMatch: opened.stat.etag, signal };
    return readerOfBody((await open(access, key, rest)).body);
  };
  const { stat, body } = opened;
  if (body instanceof BodyStream) return openedResponse(stat, opened, body, reopen, signal);
  // What a socket gives is never shared memory.
  return openedBytes(stat, opened, body as Buffer<ArrayBuffer>);
}

/** A rest that is short comes whole. */
function readerOfBody(body: OpenResponse["body"]): PieceReader {
  return body instanceof BodyStream ? body : new BytesReader(body);
}

interface Answer extends Span {
  readonly stat: ObjectStat;
  readonly body: OpenResponse["body"];
}

async function open(access: S3Access, key: Key, { range, ifMatch, signal }: ReadOptions): Promise<Answer> {
  const { client, encryption } = access;
  const headers = { ...encryption.access, ...rangeHeader(range), ...matchHeader(ifMatch) };
  const response = await client.open({ method: "GET", key, headers, signal });
  try {
    const stat = await sizedStat(access, key, sized(response), { signal });
    if (ifMatch !== undefined && stat.etag !== ifMatch) throw anotherVersion();
    const { start, end } = spanOf(response, range, stat.size);
    const { body } = response;
    if (body instanceof BodyStream || body.byteLength === end - start) return { stat, body, start, end };
    throw refusal("unavailable", "the body ended before all of it had come");
  } catch (error) {
    if (response.body instanceof BodyStream) await response.body.close();
    throw error;
  }
}

/** Before the service is asked: it would answer with the whole object, or with an error of its own. */
async function refuseEmptySuffix(access: S3Access, key: Key, options: ReadOptions): Promise<void> {
  const { size } = await statObject(access, key, options);
  spanIn(options.range, size);
}

function rangeHeader(range: ByteRange | undefined): Headers {
  if (range === undefined) return {};
  if ("suffix" in range) return { range: `bytes=-${range.suffix}` };
  return { range: `bytes=${range.start}-${range.end ?? ""}` };
}

function matchHeader(ifMatch: string | undefined): Headers {
  return ifMatch === undefined ? {} : { "if-match": `"${parseVersion(ifMatch).etag}"` };
}

/** A body in chunks that is all here has the length it has; the end of a connection may cut one (RFC 9112 §6.3). */
function sized({ headers, body }: OpenResponse): OpenResponse["headers"] {
  const isFramed = headers["content-length"] === undefined && headers["transfer-encoding"] !== undefined;
  if (!isFramed || body instanceof BodyStream) return headers;
  return { ...headers, "content-length": String(body.byteLength) };
}

/** A service that ignores a range answers with everything, which may be what was meant. */
function spanOf({ status, headers }: OpenResponse, range: ByteRange | undefined, size: number): Span {
  const meant = spanIn(range, size);
  const [, start, last] = /^bytes (\d+)-(\d+)\//.exec(headers["content-range"] ?? "") ?? [];
  const given = status === 206 ? { start: Number(start), end: Number(last) + 1 } : { start: 0, end: size };
  if (given.start === meant.start && given.end === meant.end) return given;
  throw refusal("unavailable", "the service gave another range than was asked for");
}
