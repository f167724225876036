import { createHash, getFips } from "node:crypto";
import { crc32 } from "node:zlib";
import type { ObjectStat, WriteOptions } from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import type { S3Access } from "./access.js";
import { conditionHeaders, writeFailure } from "./conditions.js";
import type { SentDescription } from "./headers/kept-headers.js";
import { objectHeaders } from "./headers/object-headers.js";
import { formatVersion } from "./headers/version.js";
import { requiredEtag } from "./wire/answer-document.js";
import type { Payload } from "./wire/payload.js";
import type { Headers } from "./wire/sigv4.js";

/** Writes an object in one request. */
export async function putObject(
  access: S3Access,
  key: Key,
  payload: Payload,
  checksum: Checksum | undefined,
  options: WriteOptions & SentDescription,
): Promise<ObjectStat> {
  const { client, traits, encryption, marks } = access;
  const mark = marks.now(checksum);
  const headers = objectHeaders(options, mark, traits);
  Object.assign(headers, conditionHeaders(options, traits), encryption.create);
  if (traits.checksums) Object.assign(headers, checksumHeader(payload));
  const { signal, onProgress } = options;
  const answer = await client
    .send({ method: "PUT", key, headers, payload, signal, onProgress, commits: true })
    .catch(async (error) => Promise.reject(await writeFailure(access, key, options, mark.id, error)));
  const etag = formatVersion({ etag: etagOfWrite(answer.headers), writeId: mark.id });
  return {
    key,
    size: payload.size,
    etag,
    lastModified: mark.time,
    checksum,
    ...descriptionOf(options),
  };
}

/**
 * OpenStack Swift answers without an ETag to a writer that was overtaken by a later one; the write's own id tells that
 * version from all others. No other service may leave the ETag out.
 */
function etagOfWrite(headers: Readonly<Record<string, string | undefined>>): string {
  const wasOvertaken = headers.etag === undefined && headers["x-trans-id"] !== undefined;
  return wasOvertaken ? "" : requiredEtag(headers.etag);
}

/**
 * The MD5 of a part or of a list of names. AWS refuses other checksums of a part, unless the upload was begun with the name of
 * one. Empty where FIPS 140 forbids MD5.
 */
export function md5Header(payload: Payload): Headers {
  if (!("pieces" in payload) || getFips() === 1) return {};
  const md5 = createHash("md5");
  for (const piece of payload.pieces) md5.update(piece);
  return { "content-md5": md5.digest("base64") };
}

/** Lets the service see for itself that nothing was damaged on the way. */
export function checksumHeader(payload: Payload): Headers {
  if (!("pieces" in payload)) return {};
  let crc = 0;
  for (const piece of payload.pieces) crc = crc32(piece, crc);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return { "x-amz-checksum-crc32": bytes.toString("base64") };
}
