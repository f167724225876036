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
import { AzureError, isFailure } from "./azure-error.js";
import { sentDescription } from "./blob-description.js";
import { type BlobAnswer, statOfWritten } from "./blob-stat.js";
import { outgoing } from "./block.js";
import type { BlockPool } from "./block-pool.js";
import { BlockUpload, newScope } from "./block-upload.js";
import { type AzureService, blobOf } from "./client.js";
import { requestConditions } from "./conditions.js";
import { statBlob } from "./stat.js";

/** What is to be published of blocks that have arrived. */
export interface Publication extends ObjectDescription, WriteConditions, CallOptions {
  readonly ids: string[];
  readonly size: number;
  readonly checksum: Checksum | undefined;
}

/** Writes content: in one request when it fits into a block, else in blocks that are published together. */
export async function writeBlob(
  service: AzureService,
  key: Key,
  body: Body,
  options: WriteOptions & { readonly pool: BlockPool },
): Promise<ObjectStat> {
  const { bytes } = body;
  if (bytes !== undefined && bytes.byteLength <= options.pool.blockBytes) {
    return putBlob(service, key, { bytes, checksum: body.checksum() }, options);
  }
  const upload = new BlockUpload(service, key, { ...options, scope: newScope() });
  try {
    const last = await upload.sendAllButLast(body.open());
    const checksum = body.checksum();
    if (upload.count === 0) return await putBlob(service, key, { bytes: last.bytes, checksum }, options);
    const size = upload.count * options.pool.blockBytes + last.length;
    await upload.send(last);
    return await publishBlocks(service, key, { ...options, ids: await upload.arrived(), size, checksum });
  } finally {
    upload.cancel();
  }
}

/** Publishes blocks in one step, and throws all others of the key away. */
export async function publishBlocks(
  service: AzureService,
  key: Key,
  { ids, size, checksum, ...options }: Publication,
): Promise<ObjectStat> {
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  try {
    const answer = await service.change(options.signal, (container, cancellation) => {
      cancellation.sent();
      return blobOf(container, key).commitBlockList(ids, { ...sent, abortSignal: cancellation.signal });
    });
    return statOfWritten(key, answer, options, { size, checksum });
  } catch (error) {
    throw (await isConditionBroken(service, key, options, error)) ? brokenCondition() : error;
  }
}

async function putBlob(
  service: AzureService,
  key: Key,
  content: { readonly bytes: Uint8Array; readonly checksum: Checksum },
  options: WriteOptions,
): Promise<ObjectStat> {
  const { bytes, checksum } = content;
  const sent = { ...sentDescription(options, checksum), conditions: requestConditions(options) };
  const answer: BlobAnswer = await service.change(options.signal, (container, cancellation) => {
    const onLast = () => cancellation.sent();
    const pieces = () => Readable.from(outgoing(bytes, { onProgress: options.onProgress, onLast }));
    const abortSignal = cancellation.signal;
    return blobOf(container, key).upload(pieces, bytes.byteLength, { ...sent, abortSignal });
  });
  return statOfWritten(key, answer, options, { size: bytes.byteLength, checksum });
}

/** Where blocks are gone, what another write published may be just what the condition forbids: that is the better answer. */
async function isConditionBroken(
  service: AzureService,
  key: Key,
  { ifAbsent, ifMatch, signal }: WriteConditions & CallOptions,
  error: unknown,
): Promise<boolean> {
  const areGone = error instanceof AzureError && error.reason === "InvalidBlockList";
  if (!areGone || (!ifAbsent && ifMatch === undefined)) return false;
  try {
    const { etag } = await statBlob(service, key, { signal });
    return ifAbsent || etag !== ifMatch;
  } catch (statError) {
    return !ifAbsent && isFailure(statError, "not_found");
  }
}

function brokenCondition(): AzureError {
  return new AzureError("precondition_failed", { applied: false });
}
