import { abortable } from "../../contract/abortable.js";
import type { Body, Failure, ObjectStat, WriteOptions } from "../../contract/backend.js";
import { type Chunk, chunksOf, emptyChunk } from "../../contract/chunks.js";
import type { Key } from "../../contract/key.js";
import { sendAgain } from "../../contract/send-again.js";
import { refusal, type ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { checkVersion, isConditional } from "./conditions.js";
import { maxAtOnceBytes } from "./limits.js";
import { sendPart } from "./multipart.js";
import { partBytesFor } from "./part-bytes.js";
import { putObject } from "./put.js";
import { type SendPart, UploadInParts } from "./upload-in-parts.js";
import { addressVariables } from "./wire/answer-error.js";
import type { Payload } from "./wire/payload.js";

/**
 * Writes an object: what fits in one part at once, more in parts. Where the service cannot join parts under a
 * condition, content of a known size streams in one request, and other content that is larger than a part is refused.
 */
export async function writeObject(
  access: S3Access,
  key: Key,
  body: Body,
  options: WriteOptions,
): Promise<ObjectStat> {
  if (options.ifMatch !== undefined) await checkVersion(access, key, options);
  const canSplit = access.traits.conditionalComplete || !isConditional(options);
  const partBytes = partBytesFor(body.size, access.partBytes, access.traits.maxParts);
  const isLarge = body.size !== undefined && body.size > partBytes;
  if (isLarge && !canSplit) return writeAtOnce(access, key, body, body.size, options);
  if (!isLarge && body.bytes !== undefined) return putBytes(access, key, body, body.bytes, options);
  return writeParts(access, key, body, partBytes, canSplit, options);
}

function putBytes(
  access: S3Access,
  key: Key,
  body: Body,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<ObjectStat> {
  return putObject(access, key, { size: bytes.byteLength, pieces: [bytes] }, body.checksum(), options);
}

async function writeAtOnce(
  access: S3Access,
  key: Key,
  body: Body,
  size: number,
  options: WriteOptions,
): Promise<ObjectStat> {
  if (size > maxAtOnceBytes) throw cannotSplit(maxAtOnceBytes);
  const source = abortable(body.open(), options.signal);
  return putObject(access, key, { size, source }, body.expected, options);
}

async function writeParts(
  access: S3Access,
  key: Key,
  body: Body,
  partBytes: number,
  canSplit: boolean,
  options: WriteOptions,
): Promise<ObjectStat> {
  const upload = new UploadInParts(access, key, options, body.expected);
  const chunks = chunksOf(abortable(body.open(), upload.signal), partBytes);
  try {
    const { value: first = emptyChunk } = await chunks.next();
    if (first.isLast) return await putShort(access, key, first, body, options);
    if (!canSplit) throw cannotSplit(partBytes);
    // The description leaves before the content does.
    body.forgoChecksum?.();
    return await upload.run(senders(access, key, options, first, chunks));
  } finally {
    await chunks.return(undefined);
  }
}

/** A layer further out can send again what can be read again, but not a stream. */
function putShort(
  access: S3Access,
  key: Key,
  payload: Payload,
  body: Body,
  options: WriteOptions,
): Promise<ObjectStat> {
  const checksum = body.checksum();
  const put = () => putObject(access, key, payload, checksum, options);
  if (body.replayable) return put();
  const isRepeatable = ({ applied }: Failure) => applied === false || !isConditional(options);
  return sendAgain(put, { signal: options.signal, addressVariables, isRepeatable });
}

async function* senders(
  access: S3Access,
  key: Key,
  options: WriteOptions,
  first: Chunk,
  rest: AsyncIterable<Chunk>,
): AsyncGenerator<SendPart> {
  let number = 1;
  const sender = (chunk: Chunk): SendPart => {
    const own = number++;
    return async (id, signal) => {
      const part = await sendPart(access, key, id, own, chunk, { ...options, signal });
      // The generators that gave the chunk still hold it, the first one to the end.
      chunk.pieces.length = 0;
      return part;
    };
  };
  yield sender(first);
  for await (const chunk of rest) yield sender(chunk);
}

function cannotSplit(bytes: number): ServiceError {
  const message = `the service cannot write more than ${bytes} bytes under a condition`;
  return refusal("unsupported", message);
}
