import type {
  Body,
  CallOptions,
  ObjectDescription,
  ObjectStat,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import { isStaged, type Key } from "../../contract/key.js";
import { sendAgain } from "../../contract/send-again.js";
import { isFailure, refusal, type ServiceError } from "../../contract/service-error.js";
import type { AzureAccess } from "./access.js";
import { BlockUpload, blockIds, newScope } from "./block-upload.js";
import { combineCrc32 } from "./combine-crc32.js";
import { directParts, dropBlocks, type PartBlocks, readDirect } from "./direct-parts.js";
import { readTag, writeTag } from "./part-tag.js";
import { addressVariables } from "./translate.js";
import { createRecord, findRecord, notedParts, notePart, removeRecord } from "./upload-record.js";
import { publishBlocks } from "./write.js";

/*
 * Uploads in parts. A part is blocks of the object itself, and its ETag says which; the service knows no uploads, so a
 * record of the kit's own tells which are under way.
 */

/** Milliseconds in which the record of a completed upload must be removed. */
const removalMs = 5000;

export function createUpload(
  { client }: AzureAccess,
  key: Key,
  options: ObjectDescription & CallOptions,
): Promise<string> {
  return createRecord(client, key, options);
}

export async function writePart(
  { client, pool }: AzureAccess,
  key: Key,
  id: string,
  number: number,
  body: Body,
  options: CallOptions,
): Promise<UploadedPart> {
  const { secret } = await findRecord(client, key, id, options);
  const scope = newScope();
  const upload = new BlockUpload(client, key, { ...options, pool, scope });
  try {
    const last = await upload.sendAllButLast(body.open());
    const size = upload.count * pool.blockBytes + last.length;
    const crc = crcOf(body.checksum());
    // The service takes no empty block, and an empty part adds nothing.
    if (size > 0) await upload.send(last);
    const { length: blocks } = await upload.arrived();
    const part = { number, etag: writeTag(secret, number, { scope, blocks, size, crc }), size };
    const note = () => notePart(client, id, part, options);
    await sendAgain(note, { signal: options.signal, addressVariables });
    return part;
  } catch (error) {
    upload.cancel();
    throw error;
  }
}

export async function listParts(
  { client }: AzureAccess,
  key: Key,
  id: string,
  options: CallOptions,
): Promise<readonly UploadedPart[]> {
  await findRecord(client, key, id, options);
  const noted = await notedParts(client, id, options);
  return isStaged(key) && noted.length === 0 ? directParts(client, key, id, options) : noted;
}

export async function completeUpload(
  access: AzureAccess,
  key: Key,
  id: string,
  parts: readonly UploadedPart[],
  options: CallOptions & WriteConditions,
): Promise<ObjectStat> {
  const { description, secret } = await findRecord(access.client, key, id, options);
  const facts = parts.map((part, index) => {
    if (part.number <= (parts[index - 1]?.number ?? 0)) throw wrongPart("the parts are not in order");
    const blocks = readDirect(id, part) ?? readBlocks(secret, part);
    return blocks ?? fail(wrongPart(`there is no such part ${part.number}`));
  });
  const content = { ids: facts.flatMap(({ ids }) => ids), ...joined(facts) };
  const stat = await publishBlocks(access, key, { ...description, ...options, ...content });
  // The object is published: a record that stays behind does no harm.
  await removeRecord(access.client, id, { signal: AbortSignal.timeout(removalMs) }).catch(() => undefined);
  return stat;
}

/** The service throws the blocks away when another write of the key is published, or after a week. */
export async function abortUpload(
  { client }: AzureAccess,
  key: Key,
  id: string,
  options: CallOptions,
): Promise<void> {
  try {
    await findRecord(client, key, id, options);
    if (isStaged(key)) await dropBlocks(client, key, options);
    await removeRecord(client, id, options);
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
  }
}

function readBlocks(secret: Buffer, part: UploadedPart): PartBlocks | undefined {
  const facts = readTag(secret, part);
  return facts && { ids: blockIds(facts.scope, facts.blocks), size: facts.size, crc: facts.crc };
}

/** The checksum is known where that of every part is. */
function joined(facts: readonly PartBlocks[]): {
  readonly size: number;
  readonly checksum: Checksum | undefined;
} {
  let size = 0;
  let crc: number | undefined = 0;
  for (const part of facts) {
    size += part.size;
    crc = crc === undefined || part.crc === undefined ? undefined : combineCrc32(crc, part.crc, part.size);
  }
  const checksum = crc === undefined ? undefined : (`crc32:${crc.toString(16).padStart(8, "0")}` as const);
  return { size, checksum };
}

function crcOf(checksum: Checksum): number {
  return Number.parseInt(checksum.slice("crc32:".length), 16);
}

function wrongPart(message: string): ServiceError {
  return refusal("invalid_argument", message);
}

function fail(error: ServiceError): never {
  throw error;
}
