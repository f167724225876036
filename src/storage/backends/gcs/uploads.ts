import { randomBytes } from "node:crypto";
import { BufferedBody } from "../../content/body.js";
import type {
  Body,
  CallOptions,
  ObjectDescription,
  ObjectStat,
  UnfinishedOptions,
  UnfinishedUpload,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import { type Key, reservedSegment } from "../../contract/key.js";
import { noMetadata } from "../../contract/metadata.js";
import { isFailure, noUpload, refusal, type ServiceError } from "../../contract/service-error.js";
import { keyOfRecord, parseRecord, type UploadRecord, writeRecord } from "../../contract/upload-record.js";
import type { GcsAccess } from "./access.js";
import { compose, type ObjectVersion } from "./compose.js";
import { objectsBelow, type StagedObject } from "./list.js";
import { statOf } from "./object-resource.js";
import { readText } from "./read.js";
import { removeNames } from "./remove.js";
import { upload } from "./write.js";

/*
 * Uploads in parts. The JSON API has none, so parts are objects of the kit's own, in a folder that no key can name, and
 * are joined by the service. An upload is there as long as its record is.
 */

const root = `${reservedSegment}/uploads/`;
const plain = { contentType: "application/octet-stream", filename: undefined, metadata: noMetadata } as const;
const unlimited = { size: undefined, maxBytes: Number.POSITIVE_INFINITY, checksum: undefined };

/** Keeps the record of a new upload; its id. */
export async function createUpload(
  access: GcsAccess,
  key: Key,
  options: ObjectDescription & CallOptions,
): Promise<string> {
  const id = randomBytes(18).toString("base64url");
  const record = new BufferedBody(Buffer.from(writeRecord(key, options)), unlimited);
  const { signal } = options;
  await upload(access, recordOf(id), record, { ...plain, ifAbsent: true, ifMatch: undefined, signal });
  return id;
}

export async function writePart(
  access: GcsAccess,
  key: Key,
  id: string,
  number: number,
  body: Body,
  { signal, onProgress }: CallOptions,
): Promise<UploadedPart> {
  await findRecord(access, key, id, signal);
  const options = { ...plain, ifAbsent: false, ifMatch: undefined, signal, onProgress };
  const { generation, size } = await upload(access, partOf(id, number), body, options);
  return { number, etag: generation, size };
}

export async function listParts(
  access: GcsAccess,
  key: Key,
  id: string,
  { signal }: CallOptions,
): Promise<readonly UploadedPart[]> {
  await findRecord(access, key, id, signal);
  const folder = partsOf(id);
  const parts: UploadedPart[] = [];
  for await (const { name, generation, size } of objectsBelow(access, folder, signal))
    parts.push({ number: Number(name.slice(folder.length)), etag: generation, size });
  return parts;
}

export async function completeUpload(
  access: GcsAccess,
  key: Key,
  id: string,
  parts: readonly UploadedPart[],
  options: CallOptions & WriteConditions,
): Promise<ObjectStat> {
  const { description } = await findRecord(access, key, id, options.signal);
  const versions = await versionsOf(access, id, parts, options.signal);
  const target = { ...options, name: key, description, folder: `${folderOf(id)}joined/` };
  const resource = await compose(access, versions, target).catch((error: unknown) => {
    // A part that was there a moment ago: another caller has completed or aborted the upload meanwhile.
    throw isFailure(error, "not_found") ? noUpload() : error;
  });
  await clear(access, id, options).catch(() => undefined);
  return statOf(key, resource);
}

/**
 * All that are under way, by their records, which are listed behind the parts. What is there without a record belongs to an
 * upload that is over, as the record is written first.
 */
export async function* unfinishedUploads(
  access: GcsAccess,
  options: UnfinishedOptions,
): AsyncGenerator<UnfinishedUpload, void, undefined> {
  let idWithoutRecord: string | undefined;
  for await (const { name, timeCreated } of objectsBelow(access, root, options.signal)) {
    const [, uploadId, isRecord] = /^[^/]+\/uploads\/([A-Za-z0-9_-]{24})\/(record$)?/.exec(name) ?? [];
    if (uploadId === undefined) continue;
    if (idWithoutRecord !== uploadId) await removeOrphan(access, idWithoutRecord, options);
    idWithoutRecord = isRecord === undefined ? uploadId : undefined;
    if (isRecord === undefined) continue;
    const key = keyOfRecord(await readText(access, name, options.signal).catch(nothingIfGone));
    if (key !== undefined) yield { key, uploadId, begunAt: timeCreated };
  }
  await removeOrphan(access, idWithoutRecord, options);
}

/** An upload may end while it is listed. */
function nothingIfGone(error: unknown): "" {
  if (isFailure(error, "not_found")) return "";
  throw error;
}

/** Removes what an upload left that is over. */
async function removeOrphan(
  access: GcsAccess,
  id: string | undefined,
  { dryRun = false, ...options }: UnfinishedOptions,
): Promise<void> {
  if (id === undefined || dryRun) return;
  try {
    await readText(access, recordOf(id), options.signal);
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    await removeBelow(access, folderOf(id), options);
  }
}

export async function abortUpload(
  access: GcsAccess,
  key: Key,
  id: string,
  options: CallOptions,
): Promise<void> {
  try {
    await findRecord(access, key, id, options.signal);
  } catch (error) {
    if (isFailure(error, "not_found")) return;
    throw error;
  }
  await removeBelow(access, folderOf(id), options);
}

async function findRecord(
  access: GcsAccess,
  key: Key,
  id: string,
  signal: AbortSignal | undefined,
): Promise<UploadRecord> {
  if (!/^[A-Za-z0-9_-]{24}$/.test(id)) throw noUpload();
  return parseRecord(await readText(access, recordOf(id), signal), key);
}

/** The versions of the parts that were named, in the order of their numbers, which must be the ones there are. */
async function versionsOf(
  access: GcsAccess,
  id: string,
  parts: readonly UploadedPart[],
  signal: AbortSignal | undefined,
): Promise<readonly ObjectVersion[]> {
  const staged = new Map<string, StagedObject>();
  for await (const each of objectsBelow(access, partsOf(id), signal)) staged.set(each.name, each);
  return parts.map((part, index) => {
    if (part.number <= (parts[index - 1]?.number ?? 0)) throw wrongPart("the parts are not in order");
    const found = staged.get(partOf(id, part.number));
    if (found?.generation !== part.etag) throw wrongPart(`there is no such part ${part.number}`);
    return found;
  });
}

/** The record goes first, so that no other caller completes the upload again. The next sweep removes what stays behind. */
async function clear(access: GcsAccess, id: string, options: CallOptions): Promise<void> {
  await removeNames(access, [recordOf(id)], options.signal);
  await removeBelow(access, folderOf(id), options);
}

/** The record is the last by its name, so that an abortion that fails can be done again. */
async function removeBelow(
  access: GcsAccess,
  folder: string,
  { signal, onProgress }: CallOptions,
): Promise<void> {
  let names: string[] = [];
  const flush = async () => {
    const [failure] = await removeNames(access, names, signal);
    if (failure !== undefined) throw failure.error;
    names = [];
    onProgress?.();
  };
  for await (const { name } of objectsBelow(access, folder, signal)) {
    if (name === `${folder}record`) await flush();
    if (names.push(name) === maxHeld) await flush();
  }
  await flush();
}

/** Most names collected before one removal. */
const maxHeld = 1000;

function folderOf(id: string): string {
  return `${root}${id}/`;
}

function recordOf(id: string): string {
  return `${folderOf(id)}record`;
}

function partsOf(id: string): string {
  return `${folderOf(id)}parts/`;
}

function partOf(id: string, number: number): string {
  return `${partsOf(id)}${String(number).padStart(5, "0")}`;
}

function wrongPart(message: string): ServiceError {
  return refusal("invalid_argument", message);
}
