import { Readable } from "node:stream";
import type {
  Body,
  CallOptions,
  ObjectDescription,
  ObjectStat,
  WriteConditions,
  WriteOptions,
} from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import type { AzureAccess } from "./access.js";
import { sentDescription } from "./blob-description.js";
import { type BlobAnswer, statOfWritten } from "./blob-stat.js";
import { BlockUpload, newScope } from "./block-upload.js";
import { blobOf } from "./client.js";
import { requestConditions } from "./conditions.js";
import { statObject } from "./stat.js";

/** What is to be published of blocks that have arrived. */
export interface Publication extends ObjectDescription, WriteConditions, CallOptions {
  readonly ids: string[];
  readonly size: number;
  readonly checksum: Checksum | undefined;
}

/** Writes content: in one request when it fits into a block, else in blocks that are published together. */
export async function writeObject(
  access: AzureAccess,
  key: Key,
  body: Body,
  options: WriteOptions,
): Promise<ObjectStat> {
  const { client, pool } = access;
  const { bytes } = body;
  if (bytes !== undefined && bytes.byteLength <= pool.blockBytes) {
    return putBlob(access, key, { bytes, checksum: body.checksum() }, options);
  }
  const upload = new BlockUpload(client, key, { ...options, pool, scope: newScope() });
  try {
    const last = await upload.sendAllButLast(body.open());
    const checksum = body.checksum();
    if (upload.count === 0) return await putBlob(access, key, { bytes: last.bytes, checksum }, options);
    const size = upload.count * pool.blockBytes + last.length;
    await upload.send(last);
    return await publishBlocks(access, key, { ...options, ids: await upload.arrived(), size, checksum });
  } finally {
    upload.cancel();
  }
}

/** Publishes blocks in one step, and throws all others of the key away. */
export async function publishBlocks(
  access: AzureAccess,
  key: Key,
  { ids, size, checksum, ...options }: Publication,
): Promise<ObjectStat> {
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  try {
    const answer = await access.client.change(options.signal, (container, cancellation) => {
      cancellation.sent();
      return blobOf(container, key).commitBlockList(ids, { ...sent, abortSignal: cancellation.signal });
    });
    return statOfWritten(key, answer, options, { size, checksum });
  } catch (error) {
    throw (await isConditionBroken(access, key, options, error)) ? brokenCondition() : error;
  }
}

async function putBlob(
  access: AzureAccess,
  key: Key,
  content: { readonly bytes: Uint8Array; readonly checksum: Checksum },
  options: WriteOptions,
): Promise<ObjectStat> {
  const { bytes, checksum } = content;
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  const answer: BlobAnswer = await access.client.change(options.signal, (container, cancellation) => {
    const onLast = () => cancellation.sent();
    const pieces = () =>
      Readable.from(sentPieces(moderatePieces([bytes]), { onProgress: options.onProgress, onLast }));
    const abortSignal = cancellation.signal;
    return blobOf(container, key).upload(pieces, bytes.byteLength, { ...sent, abortSignal });
  });
  return statOfWritten(key, answer, options, { size: bytes.byteLength, checksum });
}

/** Where blocks are gone, what another write published may be just what the condition forbids: that is the better answer. */
async function isConditionBroken(
  access: AzureAccess,
  key: Key,
  { ifAbsent, ifMatch, signal }: WriteConditions & CallOptions,
  error: unknown,
): Promise<boolean> {
  const areGone = error instanceof ServiceError && error.reason === "InvalidBlockList";
  if (!areGone || (!ifAbsent && ifMatch === undefined)) return false;
  try {
    const { etag } = await statObject(access, key, { signal });
    return ifAbsent || etag !== ifMatch;
  } catch (statError) {
    return !ifAbsent && isFailure(statError, "not_found");
  }
}

function brokenCondition(): ServiceError {
  return new ServiceError("precondition_failed", undefined, { applied: false });
}
