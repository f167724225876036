import { createHash, getFips, type Hash, randomBytes } from "node:crypto";
import { abortable } from "../../contract/abortable.js";
import type {
  Body,
  Bytes,
  CallOptions,
  Failure,
  ObjectDescription,
  ObjectStat,
  WriteConditions,
  WriteOptions,
} from "../../contract/backend.js";
import { committed } from "../../contract/cancellation.js";
import { type Chunk, chunksOf, emptyChunk } from "../../contract/chunks.js";
import type { Key } from "../../contract/key.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { sendAgain } from "../../contract/send-again.js";
import { classifyError, ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { addressVariables } from "./answer-error.js";
import type { Query } from "./client.js";
import { conditionQuery } from "./conditions.js";
import { type ObjectResource, parseResource, resourceFields, statOf, toResource } from "./object-resource.js";
import { ResumableSession } from "./resumable-session.js";

/** Bytes that are held at most before they are sent; the service takes multiples of 256 KiB. */
const chunkBytes = 4 * 1_048_576;

/** How an object of any name is written. */
export interface UploadOptions extends CallOptions, WriteConditions, ObjectDescription {}

/** Writes an object, all or nothing. */
export async function writeObject(
  access: GcsAccess,
  key: Key,
  body: Body,
  options: WriteOptions,
): Promise<ObjectStat> {
  return statOf(key, await upload(access, key, body, options));
}

/**
 * Sends content: in one request with its description where it fits into one chunk, else chunk by chunk in a resumable
 * session (https://cloud.google.com/storage/docs/uploads-downloads). Nothing is visible before the last byte came,
 * and the service compares the MD5 of the whole before it publishes.
 */
export async function upload(
  access: GcsAccess,
  name: string,
  body: Body,
  options: UploadOptions,
): Promise<ObjectResource> {
  const query = { name, fields: resourceFields, ...conditionQuery(options) };
  options.signal?.throwIfAborted();
  // What can be read again is read for its checksum first, as a session wants its description before the bytes.
  if (body.bytes === undefined && body.replayable) await drain(abortable(body.open(), options.signal));
  const source = body.bytes === undefined ? body.open() : only(body.bytes);
  const chunks = chunksOf(abortable(source, options.signal), chunkBytes);
  try {
    const { value: first = emptyChunk } = await chunks.next();
    if (first.isLast) return await sendShort(access, query, first.pieces, body, options);
    return await sendChunks(access, query, first, chunks, body, options);
  } finally {
    // Not waited for: a source that hangs would not answer.
    chunks.return(undefined).catch(() => undefined);
  }
}

/** A layer further out can send again what can be read again, but not a stream. */
function sendShort(
  access: GcsAccess,
  query: Query,
  pieces: readonly Uint8Array[],
  body: Body,
  options: UploadOptions,
): Promise<ObjectResource> {
  const send = () => sendOnce(access, query, pieces, body, options);
  if (body.replayable) return send();
  const { signal, ifAbsent, ifMatch } = options;
  const isConditional = ifAbsent || ifMatch !== undefined;
  const isRepeatable = ({ applied }: Failure) => applied === false || !isConditional;
  return sendAgain(send, { signal, addressVariables, isRepeatable });
}

async function sendOnce(
  { client, paths }: GcsAccess,
  query: Query,
  pieces: readonly Uint8Array[],
  body: Body,
  options: UploadOptions,
): Promise<ObjectResource> {
  const boundary = randomBytes(18).toString("base64url");
  const md5Hash = hashOf(pieces);
  const resource = { ...toResource(options, body.checksum()), ...(md5Hash !== undefined && { md5Hash }) };
  const head = Buffer.from(
    `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n` +
      `--${boundary}\r\ncontent-type: ${options.contentType}\r\n\r\n`,
  );
  const parts = [head, ...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)];
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return committed(options.signal, async (cancellation) => {
    const { onProgress } = options;
    const sent = sentPieces(moderatePieces(parts), { onProgress, onLast: () => cancellation.sent() });
    const answer = await client.json({
      method: "POST",
      path: paths.uploads,
      query: { uploadType: "multipart", ...query },
      headers: {
        "content-type": `multipart/related; boundary=${boundary}`,
        "content-length": String(size),
      },
      body: sent,
      signal: cancellation.signal,
    });
    return parseResource(answer);
  });
}

async function sendChunks(
  access: GcsAccess,
  query: Query,
  first: Chunk,
  rest: AsyncGenerator<Chunk, undefined, undefined>,
  body: Body,
  options: UploadOptions,
): Promise<ObjectResource> {
  const description = toResource(options, body.replayable ? body.checksum() : undefined);
  const opening = ResumableSession.open(access, { query, description, ...options });
  const session = await opening.catch(uncommitted);
  try {
    return await sendAll(session, first, rest, options);
  } catch (error) {
    giveUp(access, session);
    throw error;
  }
}

/** The caller does not wait for this; a session whose end is not heard expires by itself. */
function giveUp({ endings }: GcsAccess, session: ResumableSession): void {
  const ending = session.cancel().catch(() => undefined);
  endings.add(ending);
  ending.finally(() => endings.delete(ending));
}

/** The next chunk is read while one is sent. */
async function sendAll(
  session: ResumableSession,
  first: Chunk,
  rest: AsyncGenerator<Chunk, undefined, undefined>,
  options: CallOptions,
): Promise<ObjectResource> {
  const hash = newHash();
  let chunk = first;
  for (;;) {
    for (const piece of chunk.pieces) hash?.update(piece);
    if (chunk.isLast) return session.finish(chunk, hash?.digest("base64"), options);
    const next = rest.next();
    next.catch(() => undefined);
    await session.put(chunk, options).catch(uncommitted);
    const { value } = await next;
    if (value === undefined) throw new ServiceError("unknown", "the source ended without a last chunk");
    chunk = value;
  }
}

/** Before the last chunk was sent nothing can have been published. */
function uncommitted(error: unknown): never {
  const { code, message, retryAfterMs } = classifyError(error, addressVariables);
  if (code === "unknown" || code === "aborted" || code === "timeout") throw error;
  throw new ServiceError(code, message ?? "the upload was broken off", { retryAfterMs, applied: false });
}

async function* only(bytes: Uint8Array): Bytes {
  if (bytes.byteLength > 0) yield bytes;
}

async function drain(source: Bytes): Promise<void> {
  for await (const _ of source);
}

function hashOf(pieces: readonly Uint8Array[]): string | undefined {
  const hash = newHash();
  for (const piece of pieces) hash?.update(piece);
  return hash?.digest("base64");
}

/** MD5 finds damage on the way; where FIPS 140 forbids it the way has only TLS. */
function newHash(): Hash | undefined {
  return getFips() === 1 ? undefined : createHash("md5");
}
