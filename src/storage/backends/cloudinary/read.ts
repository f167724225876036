import type { Dispatcher } from "undici";
import type { CallOptions, ObjectStat, OpenedObject, ReadOptions } from "../../contract/backend.js";
import { type Checksum, hasChecksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { openedBytes, type PieceReader, piecesOf } from "../../contract/opened.js";
import { type Span, spanIn } from "../../contract/range.js";
import { openedResponse, ResponseBody } from "../../contract/response-body.js";
import { anotherVersion, isFailure, ServiceError } from "../../contract/service-error.js";
import { bytesOf } from "../../contract/whole-body.js";
import type { CloudinaryAccess } from "./access.js";
import { originalUrl } from "./sign.js";
import { statObject } from "./stat.js";

/** Content of up to so many bytes is read at once, which frees the connection. */
const maxAtOnceBytes = 1_048_576;
const maxAttempts = 3;
const urlMs = 3_600_000;

/**
 * Opens the version that is there. Description and bytes come from two calls, so they are compared: by the length,
 * and by the checksum, or by looking a second time where that cannot tell. If they differ both are asked for again.
 */
export async function readObject(
  access: CloudinaryAccess,
  key: Key,
  options: ReadOptions,
): Promise<OpenedObject> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const stat = await statObject(access, key, options);
    if (options.ifMatch !== undefined && options.ifMatch !== stat.etag) throw anotherVersion();
    const span = spanIn(options.range, stat.size);
    const opened = await open(access, stat, span, options);
    if (opened !== undefined) return opened;
    options.onProgress?.();
  }
  throw new ServiceError("unavailable", "the object changes all the time");
}

/** `undefined` when another version came. */
async function open(
  access: CloudinaryAccess,
  stat: ObjectStat,
  span: Span,
  options: CallOptions,
): Promise<OpenedObject | undefined> {
  if (span.end === span.start) return openedBytes(stat, span, new Uint8Array(0));
  const body = await download(access, stat, span, options);
  if (body === undefined) return undefined;
  if (span.end - span.start > maxAtOnceBytes) return arriving(access, stat, span, body, options);
  // One byte more than it has tells a longer body, which is of another version.
  const bytes = await bytesOf(piecesOf(new PartReader(body, 0, span.end - span.start + 1)));
  const expected = checksumOfPart(stat, span);
  const isSame =
    expected === undefined ? await isStillThere(access, stat, options) : hasChecksum(bytes, expected);
  if (!isSame) return undefined;
  if (bytes.byteLength === span.end - span.start) return openedBytes(stat, span, bytes);
  // The end of a connection may end a body too, where no length was announced.
  throw new ServiceError("unavailable", "the body ended before all of it had come");
}

/** The body of a part; `undefined` when it is of an object of another size. */
async function download(
  { client, ids, idleMs }: CloudinaryAccess,
  stat: ObjectStat,
  { start, end }: Span,
  { signal }: CallOptions,
): Promise<PieceReader | undefined> {
  const isWhole = start === 0 && end === stat.size;
  const headers = isWhole ? {} : { range: `bytes=${start}-${end - 1}` };
  const url = await originalUrl(client, ids.addressOf(stat.key), new Date(Date.now() + urlMs));
  const response = await client.download(url, headers, signal).catch((error: unknown) => {
    if (isFailure(error, "invalid_range")) return undefined;
    throw error;
  });
  if (response === undefined) return undefined;
  const body = new ResponseBody(response.body, { idleMs });
  if (!isOfSize(response, stat.size)) {
    await body.close();
    return undefined;
  }
  // The service may ignore a range and answer with everything.
  return response.statusCode === 206 || isWhole ? body : new PartReader(body, start, end - start);
}

/** What the answer says of the whole: its length, or what stands behind the range (RFC 9110 §14.4). */
function isOfSize({ statusCode, headers }: Dispatcher.ResponseData, size: number): boolean {
  const total =
    statusCode === 206 ? String(headers["content-range"]).split("/")[1] : headers["content-length"];
  return total === undefined || total === "*" || Number(total) === size;
}

async function arriving(
  access: CloudinaryAccess,
  stat: ObjectStat,
  span: Span,
  body: PieceReader,
  options: CallOptions,
): Promise<OpenedObject | undefined> {
  const reopen = async (start: number) => {
    const rest = await download(access, stat, { start, end: span.end }, options);
    if (rest !== undefined && (await isStillThere(access, stat, options))) return rest;
    await rest?.close();
    throw new ServiceError("unavailable", "the object was replaced while its reader was away");
  };
  try {
    // A reader of the whole compares the checksum, which tells of another version.
    if (checksumOfPart(stat, span) !== undefined || (await isStillThere(access, stat, options)))
      return openedResponse(stat, span, body, reopen, options.signal);
  } catch (error) {
    await body.close();
    throw error;
  }
  await body.close();
  return undefined;
}

/** The checksum that the part must have: the service knows that of the whole alone. */
function checksumOfPart({ size, checksum }: ObjectStat, { start, end }: Span): Checksum | undefined {
  return start === 0 && end === size ? checksum : undefined;
}

/** Whether the object is still the version that was described before its content was asked for. */
async function isStillThere(
  access: CloudinaryAccess,
  stat: ObjectStat,
  options: CallOptions,
): Promise<boolean> {
  return (await statObject(access, stat.key, options)).etag === stat.etag;
}

/** So many bytes behind the first ones of a body. */
class PartReader implements PieceReader {
  readonly #body: PieceReader;
  #skip: number;
  #left: number;

  constructor(body: PieceReader, skip: number, length: number) {
    this.#body = body;
    this.#skip = skip;
    this.#left = length;
  }

  async next(): Promise<Uint8Array | undefined> {
    while (this.#left > 0) {
      const piece = await this.#body.next();
      if (piece === undefined) return undefined;
      const part = piece.subarray(this.#skip, this.#skip + this.#left);
      this.#skip = Math.max(0, this.#skip - piece.byteLength);
      this.#left -= part.byteLength;
      if (part.byteLength > 0) return part;
    }
    await this.close();
    return undefined;
  }

  close(): Promise<void> {
    return this.#body.close();
  }
}
