import type { CopyOptions, ObjectStat, WriteOptions } from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { refusal, type ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { anotherVersion, checkVersion, conditionHeaders, isConditional } from "./conditions.js";
import { keptHeaders, type SentDescription } from "./headers/kept-headers.js";
import { objectHeaders } from "./headers/object-headers.js";
import { formatVersion, parseVersion } from "./headers/version.js";
import { partQuery } from "./multipart.js";
import { partBytesFor } from "./part-bytes.js";
import { putObject } from "./put.js";
import { readObject } from "./read.js";
import { headObject, sizedStat } from "./stat.js";
import { type SendPart, UploadInParts } from "./upload-in-parts.js";
import { documentOf, requiredEtag } from "./wire/answer-document.js";
import type { Headers } from "./wire/sigv4.js";
import { encodePath } from "./wire/uri.js";
import { textOf } from "./wire/xml.js";

interface Source extends ObjectStat, SentDescription {}

/**
 * Copies an object with its description, inside the service. Where the service cannot decide a condition on the
 * target of a copy, the bytes come through here and are written under the condition.
 */
export async function copyObject(
  access: S3Access,
  from: Key,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const headers = await headObject(access, from, options);
  const { sourceIfMatch, description } = options;
  const kept = description === undefined ? keptHeaders(headers) : undefined;
  const source = { ...(await sizedStat(access, from, headers, options)), keptHeaders: kept, ...description };
  if (sourceIfMatch !== undefined && source.etag !== sourceIfMatch) throw anotherVersion();
  await checkVersion(access, to, options);
  const { conditionalComplete, copyConditions } = access.traits;
  const conditional = isConditional(options);
  const isLarge = source.size > access.copiedAtOnceBytes;
  if (isLarge && conditional && !conditionalComplete) throw tooLargeToDecide();
  if (isLarge) return copyParts(access, source, to, options);
  if (conditional && copyConditions === undefined) return copyThrough(access, source, to, options);
  return copyAtOnce(access, source, to, options);
}

async function copyAtOnce(
  { bucket, client, traits, encryption, marks }: S3Access,
  source: Source,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const mark = marks.now(source.checksum);
  const headers = {
    ...objectHeaders(source, mark, traits),
    ...sourceHeaders(bucket, source),
    ...conditionHeaders(options, traits, traits.copyConditions),
    ...encryption.create,
    ...encryption.copySource,
    "x-amz-metadata-directive": "REPLACE",
  };
  const { signal } = options;
  const { body } = await client.send({ method: "PUT", key: to, headers, signal, commits: true });
  const etag = requiredEtag(textOf(documentOf(body, "CopyObjectResult"), "ETag"));
  const { keptHeaders: _, ...stat } = source;
  return {
    ...stat,
    key: to,
    etag: formatVersion({ etag, writeId: mark.id }),
    lastModified: mark.time,
  };
}

async function copyThrough(
  access: S3Access,
  source: Source,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const { signal } = options;
  const opened = await readObject(access, source.key, { range: undefined, ifMatch: source.etag, signal });
  const { bytes } = opened;
  const payload =
    bytes === undefined
      ? { size: source.size, source: opened.body }
      : { size: bytes.byteLength, pieces: [bytes] };
  try {
    return await putObject(access, to, payload, source.checksum, writeOptions(source, options));
  } finally {
    await opened.close();
  }
}

function copyParts(access: S3Access, source: Source, to: Key, options: CopyOptions): Promise<ObjectStat> {
  const upload = new UploadInParts(access, to, writeOptions(source, options), source.checksum);
  return upload.run(partCopies(access, source, to));
}

async function* partCopies(access: S3Access, source: ObjectStat, to: Key): AsyncGenerator<SendPart> {
  const partBytes = partBytesFor(source.size, access.copiedPartBytes, access.traits.maxParts);
  for (let start = 0, number = 1; start < source.size; start += partBytes, number++) {
    const end = Math.min(start + partBytes, source.size);
    yield (uploadId, signal) => copyPart(access, { source, to, uploadId, number, start, end, signal });
  }
}

interface PartCopy {
  readonly source: ObjectStat;
  readonly to: Key;
  readonly uploadId: string;
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal;
}

async function copyPart({ bucket, client, encryption }: S3Access, part: PartCopy) {
  const { source, to, uploadId, number, start, end, signal } = part;
  const headers = {
    ...sourceHeaders(bucket, source),
    ...encryption.access,
    ...encryption.copySource,
    "x-amz-copy-source-range": `bytes=${start}-${end - 1}`,
  };
  const query = partQuery(uploadId, number);
  const { body } = await client.send({ method: "PUT", key: to, query, headers, signal });
  const etag = requiredEtag(textOf(documentOf(body, "CopyPartResult"), "ETag"));
  return { number, etag, size: end - start };
}

function sourceHeaders(bucket: string, { key, etag }: ObjectStat): Headers {
  return {
    "x-amz-copy-source": `/${bucket}/${encodePath(key)}`,
    "x-amz-copy-source-if-match": `"${parseVersion(etag).etag}"`,
  };
}

function writeOptions(
  source: Source,
  { ifAbsent, ifMatch, signal, onProgress }: CopyOptions,
): WriteOptions & SentDescription {
  const { keptHeaders } = source;
  return { ...descriptionOf(source), keptHeaders, ifAbsent, ifMatch, signal, onProgress };
}

function tooLargeToDecide(): ServiceError {
  return refusal("unsupported", "the service cannot copy more than 5 GiB under a condition");
}
