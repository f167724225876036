import type { Dispatcher } from "undici";
import type { ObjectStat, OpenedObject, ReadOptions } from "../../contract/backend.js";
import { type Checksum, hasChecksum } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { clampRange, type Span } from "../../contract/range.js";
import { statOf } from "./asset.js";
import type { CloudinaryClient } from "./client.js";
import { CloudinaryError, refusal } from "./cloudinary-error.js";
import { findAsset } from "./find-asset.js";
import { ArrivingAsset, BufferedAsset, partOf, release } from "./opened-asset.js";
import type { AssetAddress, PublicIds } from "./public-id.js";
import { originalUrl } from "./sign.js";

/** What is no longer than this is read at once, which frees the connection. */
const maxAtOnceBytes = 1_048_576;
const maxAttempts = 3;
const urlMs = 3_600_000;

export interface ReadCall extends ReadOptions {
  readonly client: CloudinaryClient;
  readonly ids: PublicIds;
}

/**
 * Opens the version that is there. Description and bytes come from two calls, so they are compared: by the length,
 * and by the checksum, or by looking a second time where that cannot tell. If they differ both are asked for again.
 */
export async function readAsset(key: Key, call: ReadCall): Promise<OpenedObject> {
  const address = call.ids.addressOf(key);
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const stat = statOf(key, await findAsset(call.client, address, call));
    if (call.ifMatch !== undefined && call.ifMatch !== stat.etag) {
      throw refusal("precondition_failed", "the object is not the version that was asked for");
    }
    const span = clampRange(call.range, stat.size);
    if (span === undefined) {
      throw refusal("invalid_range", `the range lies outside the object's ${stat.size} bytes`);
    }
    const opened = await open(address, stat, span, call);
    if (opened !== undefined) return opened;
    call.onProgress?.();
  }
  throw new CloudinaryError("unavailable", "the object changes all the time");
}

/** `undefined` when another version came. */
async function open(
  address: AssetAddress,
  stat: ObjectStat,
  span: Span,
  call: ReadCall,
): Promise<OpenedObject | undefined> {
  if (span.end === span.start) return new BufferedAsset(stat, span, new Uint8Array(0));
  const response = await download(address, stat, span, call);
  const skipBytes = response.statusCode === 206 ? 0 : span.start;
  if (!isOfSize(response, stat.size)) {
    release(response.body);
    return undefined;
  }
  if (span.end - span.start > maxAtOnceBytes) return arriving(address, stat, span, response, call);
  const pieces: Uint8Array[] = [];
  for await (const piece of partOf(response.body, skipBytes, span.end - span.start)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const expected = checksumOfPart(stat, span);
  const isSame =
    expected === undefined ? await isStillThere(address, stat, call) : hasChecksum(bytes, expected);
  return isSame ? new BufferedAsset(stat, span, bytes) : undefined;
}

function download(
  address: AssetAddress,
  stat: ObjectStat,
  { start, end }: Span,
  { client, signal }: ReadCall,
): Promise<Dispatcher.ResponseData> {
  const isWhole = start === 0 && end === stat.size;
  const headers = isWhole ? {} : { range: `bytes=${start}-${end - 1}` };
  return originalUrl(client, address, new Date(Date.now() + urlMs)).then((url) =>
    client.download(url, headers, signal),
  );
}

/** What the answer says of the whole: its length, or what stands behind the range (RFC 9110 §14.4). */
function isOfSize({ statusCode, headers }: Dispatcher.ResponseData, size: number): boolean {
  const total =
    statusCode === 206 ? String(headers["content-range"]).split("/")[1] : headers["content-length"];
  return total === undefined || total === "*" || Number(total) === size;
}

async function arriving(
  address: AssetAddress,
  stat: ObjectStat,
  span: Span,
  response: Dispatcher.ResponseData,
  call: ReadCall,
): Promise<OpenedObject | undefined> {
  const opened = new ArrivingAsset(stat, span, response.body, response.statusCode === 206 ? 0 : span.start);
  try {
    // Whoever reads the whole compares the checksum, and hears of another version.
    if (checksumOfPart(stat, span) !== undefined || (await isStillThere(address, stat, call))) return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
  await opened.close();
  return undefined;
}

/** The checksum that what was asked for must have: it is known of the whole alone. */
function checksumOfPart({ size, checksum }: ObjectStat, { start, end }: Span): Checksum | undefined {
  return start === 0 && end === size ? checksum : undefined;
}

/** Whether the object is still the version that was described before its content was asked for. */
async function isStillThere(address: AssetAddress, stat: ObjectStat, call: ReadCall): Promise<boolean> {
  const now = statOf(stat.key, await findAsset(call.client, address, call));
  return now.etag === stat.etag;
}
