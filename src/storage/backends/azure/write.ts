import { Readable } from "node:stream";
import type {
  Body,
  CallOptions,
  Failure,
  ObjectDescription,
  ObjectStat,
  WriteConditions,
  WriteOptions,
} from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { sendAgain } from "../../contract/send-again.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import type { AzureAccess } from "./access.js";
import { sentDescription } from "./blob-description.js";
import { type BlobAnswer, statOfWritten } from "./blob-stat.js";
import { BlockUpload, newScope } from "./block-upload.js";
import { blobOf } from "./client.js";
import { requestConditions } from "./conditions.js";
import { statObject } from "./stat.js";
import { addressVariables } from "./translate.js";

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
    const sending = { options, publishes: false };
    const last = await orConditionFailure(access, key, sending, () => upload.sendAllButLast(body.open()));
    const checksum = body.checksum();
    if (upload.count === 0) {
      const put = () => putBlob(access, key, { bytes: last.bytes, checksum }, options);
      return await (body.replayable ? put() : publishAgain(options, put));
    }
    const size = upload.count * pool.blockBytes + last.length;
    await upload.send(last);
    const ids = await orConditionFailure(access, key, sending, () => upload.arrived());
    const publication = { ...options, ids, size, checksum };
    return await publishAgain(options, () => publishBlocks(access, key, publication));
  } finally {
    upload.cancel();
  }
}

/** A layer further out cannot read a stream again, and would send all blocks again; what publishes them is in memory. */
function publishAgain(
  { signal, ifAbsent, ifMatch }: WriteOptions,
  publish: () => Promise<ObjectStat>,
): Promise<ObjectStat> {
  const isConditional = ifAbsent || ifMatch !== undefined;
  const isRepeatable = ({ applied }: Failure, error: unknown) =>
    (applied === false || !isConditional) && !areGone(error);
  return sendAgain(publish, { signal, addressVariables, isRepeatable });
}

/** Publishes blocks in one step, and throws all others of the key away. */
export async function publishBlocks(
  access: AzureAccess,
  key: Key,
  { ids, size, checksum, ...options }: Publication,
): Promise<ObjectStat> {
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  const answer = await orConditionFailure(access, key, { options, publishes: true }, () =>
    access.client.change(options.signal, (container, cancellation) => {
      cancellation.sent();
      return blobOf(container, key).commitBlockList(ids, { ...sent, abortSignal: cancellation.signal });
    }),
  );
  return statOfWritten(key, answer, options, { size, checksum });
}

async function putBlob(
  access: AzureAccess,
  key: Key,
  content: { readonly bytes: Uint8Array; readonly checksum: Checksum },
  options: WriteOptions,
): Promise<ObjectStat> {
  const { bytes, checksum } = content;
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  const size = bytes.byteLength;
  const answer: BlobAnswer = await access.client.change(options.signal, (container, cancellation) => {
    const onLast = () => cancellation.sent();
    const pieces = () =>
      Readable.from(sentPieces(moderatePieces([bytes]), { onProgress: options.onProgress, onLast }));
    return blobOf(container, key).upload(pieces, size, { ...sent, abortSignal: cancellation.signal });
  });
  return statOfWritten(key, answer, options, { size, checksum });
}

interface Step {
  readonly options: WriteConditions & CallOptions;
  readonly publishes: boolean;
}

/**
 * Does a step of a write. Where it fails and the object that stands there is surely what the condition forbids, that is the
 * better answer: blocks are gone when another write was published, and a connection that broke tells nothing. Where the answer
 * to what publishes was lost, what stands there tells nothing either: another write may have replaced what this one published.
 */
async function orConditionFailure<T>(
  access: AzureAccess,
  key: Key,
  step: Step,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (await isConditionBroken(access, key, step, error)) ? brokenCondition() : error;
  }
}

async function isConditionBroken(
  access: AzureAccess,
  key: Key,
  { options, publishes }: Step,
  error: unknown,
): Promise<boolean> {
  const { ifAbsent, ifMatch, signal } = options;
  const isLost = !publishes && isFailure(error, "unavailable") && error.status === undefined;
  if ((!areGone(error) && !isLost) || (!ifAbsent && ifMatch === undefined)) return false;
  try {
    const { etag } = await statObject(access, key, { signal });
    return ifAbsent || etag !== ifMatch;
  } catch (statError) {
    return areGone(error) && !ifAbsent && isFailure(statError, "not_found");
  }
}

/** Whether the service has thrown the blocks away. */
function areGone(error: unknown): boolean {
  return error instanceof ServiceError && error.reason === "InvalidBlockList";
}

function brokenCondition(): ServiceError {
  return new ServiceError("precondition_failed", undefined, { applied: false });
}
