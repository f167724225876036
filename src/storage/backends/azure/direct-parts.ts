import { createHash } from "node:crypto";
import type { CallOptions, UploadedPart } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { isFailure } from "../../contract/service-error.js";
import { blockIds } from "./block-upload.js";
import { type AzureClient, blobOf } from "./client.js";
import { removeBlob } from "./remove.js";
import { breakingLease } from "./staged-lease.js";

/** Says that a part is a block that a client sent past this service, and how large it is. */
const tagForm = /^direct\.([0-9]{1,15})$/;

/** The blocks of one part. */
export interface PartBlocks {
  readonly ids: string[];
  /** Bytes. */
  readonly size: number;
  /** `undefined` where it is not known. */
  readonly crc: number | undefined;
}

/** The id of the block that is a part of an upload; clients send each part as one block. */
export function directBlock(uploadId: string, number: number): string {
  return blockIds(scopeOf(uploadId), number).at(-1) ?? "";
}

/** What a part is that a client sent; `undefined` of any other. */
export function readDirect(uploadId: string, { number, etag }: UploadedPart): PartBlocks | undefined {
  const [, size] = tagForm.exec(etag) ?? [];
  if (size === undefined) return undefined;
  return { ids: [directBlock(uploadId, number)], size: Number(size), crc: undefined };
}

/** The parts that clients sent, in the order of their numbers. */
export async function directParts(
  client: AzureClient,
  key: Key,
  uploadId: string,
  { signal }: CallOptions,
): Promise<readonly UploadedPart[]> {
  const scope = scopeOf(uploadId);
  const blocks = await uncommittedBlocks(client, key, signal);
  const parts = blocks.flatMap(({ name, size }) => {
    const id = Buffer.from(name, "base64");
    if (id.length !== scope.length + 4 || !id.subarray(0, scope.length).equals(scope)) return [];
    return [{ number: id.readUInt32BE(scope.length) + 1, etag: `direct.${size}`, size }];
  });
  return parts.sort((a, b) => a.number - b.number);
}

/** Throws blocks away at once, which the service would keep for a week: a blob takes their place, and goes. */
export async function dropBlocks(client: AzureClient, key: Key, options: CallOptions): Promise<void> {
  const { signal } = options;
  const replace = () =>
    client.send(signal, (container, abortSignal) => blobOf(container, key).upload("", 0, { abortSignal }));
  await breakingLease(client, key, options, replace);
  await removeBlob(client, key, { ifMatch: undefined, signal });
}

async function uncommittedBlocks(client: AzureClient, key: Key, signal: AbortSignal | undefined) {
  try {
    const { uncommittedBlocks = [] } = await client.send(signal, (container, abortSignal) =>
      blobOf(container, key).getBlockList("uncommitted", { abortSignal }),
    );
    return uncommittedBlocks;
  } catch (error) {
    if (isFailure(error, "not_found")) return [];
    throw error;
  }
}

function scopeOf(uploadId: string): Buffer {
  return createHash("sha256").update(`direct ${uploadId}`).digest().subarray(0, 20);
}
