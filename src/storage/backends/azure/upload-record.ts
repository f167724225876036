import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type {
  CallOptions,
  ObjectDescription,
  UnfinishedOptions,
  UnfinishedUpload,
  UploadedPart,
} from "../../contract/backend.js";
import { type Key, reservedSegment } from "../../contract/key.js";
import { ListingProgress } from "../../contract/listing-progress.js";
import { isFailure, noUpload } from "../../contract/service-error.js";
import { keyOfRecord, parseRecord, writeRecord } from "../../contract/upload-record.js";
import { bytesOf } from "../../contract/whole-body.js";
import { type AzureClient, blobOf } from "./client.js";
import { endedEarly } from "./read.js";
import { removeBlob, removeBlobs } from "./remove.js";

/** What is known of an upload in parts. */
export interface MarkedUpload {
  readonly description: ObjectDescription;
  /** Marks its parts. */
  readonly secret: Buffer;
}

const idBytes = 24;
const maxRecordBytes = 65_536;

/** Keeps a new record; its id. */
export async function createRecord(
  client: AzureClient,
  key: Key,
  { signal, ...options }: ObjectDescription & CallOptions,
): Promise<string> {
  const id = randomBytes(idBytes).toString("base64url");
  const secret = randomBytes(32).toString("base64url");
  const text = writeRecord(key, options, { secret });
  const blobHTTPHeaders = { blobContentType: "application/json" };
  await client.send(signal, (container, abortSignal) =>
    blobOf(container, nameOf(id)).upload(text, Buffer.byteLength(text), { blobHTTPHeaders, abortSignal }),
  );
  return id;
}

/** @throws ServiceError `not_found` when there is no such upload, or it is of another key. */
export async function findRecord(
  client: AzureClient,
  key: Key,
  id: string,
  options: CallOptions,
): Promise<MarkedUpload> {
  checkId(id);
  try {
    const { description, own } = parseRecord(await readRecord(client, id, options), key);
    return { description, secret: Buffer.from(String(own.secret), "base64url") };
  } catch (error) {
    throw isFailure(error, "not_found") ? noUpload() : error;
  }
}

function readRecord(client: AzureClient, id: string, { signal }: CallOptions): Promise<string> {
  return client.send(signal, async (container, abortSignal) => {
    const options = { abortSignal, maxRetryRequests: 0 };
    const answer = await blobOf(container, nameOf(id)).download(0, maxRecordBytes, options);
    return textOf(answer.readableStreamBody);
  });
}

/** Removes the record and the list of parts. Idempotent. */
export async function removeRecord(client: AzureClient, id: string, options: CallOptions): Promise<void> {
  await removeBlob(client, nameOf(id), { ...options, ifMatch: undefined });
  const names: string[] = [];
  for await (const { name } of partBlobs(client, id, options)) names.push(name);
  await removeBlobs(client, names, options);
}

/** Notes a part that has been written: the service tells blocks that are not published, but not whose they are. */
export async function notePart(
  client: AzureClient,
  id: string,
  { number, etag, size }: UploadedPart,
  { signal }: CallOptions,
): Promise<void> {
  const name = `${nameOf(id)}/${String(number).padStart(5, "0")}`;
  await client.send(signal, (container, abortSignal) =>
    blobOf(container, name).upload("", 0, { metadata: { tag: etag, size: String(size) }, abortSignal }),
  );
}

/** The parts that have been noted, in the order of their numbers. */
export async function notedParts(
  client: AzureClient,
  id: string,
  options: CallOptions,
): Promise<readonly UploadedPart[]> {
  const parts: UploadedPart[] = [];
  for await (const { name, metadata = {} } of partBlobs(client, id, options)) {
    const { tag = "", size } = metadata;
    parts.push({ number: Number(name.slice(-5)), etag: tag, size: Number(size) });
  }
  return parts;
}

/**
 * Every upload in parts that is under way, by its record, which is listed before the notes of its parts. Notes without a record
 * belong to an upload that is over, as the record is written first.
 */
export async function* allRecords(
  client: AzureClient,
  { dryRun = false, ...options }: UnfinishedOptions,
): AsyncGenerator<UnfinishedUpload, void, undefined> {
  const root = nameOf("");
  let last: string | undefined;
  for await (const { name, properties } of blobsBelow(client, root, options)) {
    const [uploadId = "", note] = name.slice(root.length).split("/");
    if (uploadId === last) continue;
    last = uploadId;
    if (note !== undefined) {
      if (!dryRun) await removeOrphan(client, uploadId, options);
      continue;
    }
    const key = keyOfRecord(await readRecord(client, uploadId, options).catch(nothingIfGone));
    if (key !== undefined) yield { key, uploadId, begunAt: properties.lastModified };
  }
}

/** An upload may end while it is listed. */
function nothingIfGone(error: unknown): "" {
  if (isFailure(error, "not_found")) return "";
  throw error;
}

/** Removes the notes that an upload left that is over. */
async function removeOrphan(client: AzureClient, id: string, options: CallOptions): Promise<void> {
  try {
    await readRecord(client, id, options);
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    await removeRecord(client, id, options);
  }
}

function partBlobs(client: AzureClient, id: string, options: CallOptions) {
  return blobsBelow(client, `${nameOf(id)}/`, options);
}

/** Listed by the service in the order of their names. */
async function* blobsBelow(client: AzureClient, prefix: string, { signal }: CallOptions) {
  let continuationToken: string | undefined;
  const progress = new ListingProgress();
  do {
    const page = await client.send(signal, async (container, abortSignal) => {
      const options = { prefix, includeMetadata: true, abortSignal };
      const settings = { maxPageSize: 1000, ...(continuationToken !== undefined && { continuationToken }) };
      const { value } = await container.client.listBlobsFlat(options).byPage(settings).next();
      return value;
    });
    const { blobItems } = page.segment;
    continuationToken = page.continuationToken || undefined;
    progress.check(
      blobItems.map(({ name }: { name: string }) => name),
      continuationToken,
    );
    yield* blobItems;
  } while (continuationToken !== undefined);
}

async function textOf(body: NodeJS.ReadableStream | undefined): Promise<string> {
  if (!(body instanceof Readable)) return "";
  // The SDK tells of a connection that broke as if the caller had stopped it.
  const bytes = await bytesOf(body).catch((error) => Promise.reject(endedEarly(error)));
  return bytes.toString();
}

function nameOf(id: string): string {
  return `${reservedSegment}/uploads/${id}`;
}

function checkId(id: string): void {
  if (!/^[A-Za-z0-9_-]{32}$/.test(id)) throw noUpload();
}
