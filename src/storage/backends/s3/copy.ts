import type { CallOptions, CopyOptions, ObjectStat, WriteOptions } from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { encodePath } from "../../contract/percent-encoding.js";
import { anotherVersion, classifyError, refusal, ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { checkVersion, conditionHeaders, isConditional, perhapsAnotherVersion } from "./conditions.js";
import { keptHeaders, type SentDescription } from "./headers/kept-headers.js";
import { objectHeaders } from "./headers/object-headers.js";
import { formatVersion, parseVersion } from "./headers/version.js";
import { partQuery } from "./multipart.js";
import { partBytesFor } from "./part-bytes.js";
import type { ProviderTraits } from "./providers.js";
import { putObject } from "./put.js";
import { readObject } from "./read.js";
import { headObject, sizedStat, statObject } from "./stat.js";
import { type SendPart, UploadInParts } from "./upload-in-parts.js";
import { documentOf, requiredEtag } from "./wire/answer-document.js";
import { addressVariables } from "./wire/answer-error.js";
import type { Headers } from "./wire/sigv4.js";
import { textOf } from "./wire/xml.js";

interface CopiedVersion extends ObjectStat, SentDescription {}

/** How often a source that is replaced while it is copied is begun with again. */
const maxTurns = 5;

/**
 * Copies an object with its description, inside the service, and only one version of it. Where the service cannot decide a
 * condition on the target of a copy, the bytes come through here and are written under the condition.
 */
export async function copyObject(
  access: S3Access,
  from: Key,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  for (let turn = 1; turn <= maxTurns; turn++) {
    const source = await findSource(access, from, options);
    try {
      return await copyVersion(access, source, to, options);
    } catch (error) {
      if (!isFailedCondition(error) || options.sourceIfMatch !== undefined) throw error;
      if (await isCurrent(access, source, options)) throw error;
    }
  }
  throw new ServiceError("unavailable", "the source was replaced while it was copied", {
    reason: "SourceReplaced",
    applied: false,
  });
}

async function findSource(access: S3Access, from: Key, options: CopyOptions): Promise<CopiedVersion> {
  const headers = await headObject(access, from, options);
  const { sourceIfMatch, description } = options;
  const kept = description === undefined ? keptHeaders(headers) : undefined;
  const source = { ...(await sizedStat(access, from, headers, options)), keptHeaders: kept, ...description };
  if (sourceIfMatch !== undefined && source.etag !== sourceIfMatch) throw anotherVersion();
  return source;
}

/** A version never returns, so the same ETag before and after means that the source did not change. */
async function isCurrent(
  access: S3Access,
  { key, etag }: ObjectStat,
  options: CallOptions,
): Promise<boolean> {
  return (await statObject(access, key, options)).etag === etag;
}

function isFailedCondition(error: unknown): boolean {
  return classifyError(error, addressVariables).code === "precondition_failed";
}

async function copyVersion(
  access: S3Access,
  source: CopiedVersion,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  await checkVersion(access, to, options);
  const { conditionalComplete, copyConditions, conditionalCopySource } = access.traits;
  const conditional = isConditional(options);
  const isLarge = source.size > access.copiedAtOnceBytes;
  if (isLarge && conditional && !conditionalComplete) throw tooLargeToDecide();
  if (isLarge) return copyParts(access, source, to, options);
  if (conditional && copyConditions === undefined) return copyThrough(access, source, to, options);
  return conditionalCopySource
    ? copyAtOnce(access, source, to, options)
    : copyAndLook(access, source, to, options);
}

/**
 * A service that cannot decide a condition on the source may have copied another version under the description and the
 * checksum of this one. Then the bytes of the version that is there now come through here.
 */
async function copyAndLook(
  access: S3Access,
  source: CopiedVersion,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const copied = await copyAtOnce(access, source, to, options);
  // Content with the same ETag is the same content.
  if (parseVersion(copied.etag).etag === parseVersion(source.etag).etag) return copied;
  try {
    if (await isCurrent(access, source, options)) return copied;
    const repaired = await repair(access, source, copied, options);
    if (options.sourceIfMatch === undefined) return repaired;
  } catch (error) {
    throw afterCopy(error, options);
  }
  throw perhapsAnotherVersion();
}

/** Writes the version that is there now over a copy of it that has the description and the checksum of another one. */
async function repair(
  access: S3Access,
  source: CopiedVersion,
  copied: ObjectStat,
  options: CopyOptions,
): Promise<ObjectStat> {
  const always = { ...options, sourceIfMatch: undefined, ifAbsent: false };
  const ifMatch = access.traits.conditionalPut ? copied.etag : undefined;
  const latest = await findSource(access, source.key, always);
  return copyThrough(access, latest, copied.key, { ...always, ifMatch });
}

/**
 * The failure of what comes after the service has copied: that nothing was done would be a lie. A copy under no condition is
 * begun with again when the source was replaced once more.
 */
function afterCopy(error: unknown, options: CopyOptions): unknown {
  const { code, retryAfterMs } = classifyError(error, addressVariables);
  if (code === "aborted" || code === "timeout") return error;
  if (code === "precondition_failed" && !isConditional(options)) return perhapsAnotherVersion();
  const explanation = "the object was copied, but whether it is the right version could not be seen";
  return new ServiceError("unavailable", explanation, { retryAfterMs, cause: error });
}

async function copyAtOnce(
  { bucket, client, traits, encryption, marks }: S3Access,
  source: CopiedVersion,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const mark = marks.now(source.checksum);
  const headers = {
    ...objectHeaders(source, mark, traits),
    ...sourceHeaders(bucket, traits, source),
    ...conditionHeaders(options, traits, traits.copyConditions),
    ...encryption.create,
    ...encryption.copySource,
    "x-amz-metadata-directive": "REPLACE",
  };
  const { signal, onProgress } = options;
  const { body } = await client.send({ method: "PUT", key: to, headers, signal, onProgress, commits: true });
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
  source: CopiedVersion,
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

/** Not every service decides the condition on the source of a part: they are joined when it is still the same version. */
function copyParts(
  access: S3Access,
  source: CopiedVersion,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const upload = new UploadInParts(access, to, writeOptions(source, options), source.checksum);
  return upload.run(partCopies(access, source, to, options), async () => {
    if (!(await isCurrent(access, source, options))) throw anotherVersion();
  });
}

async function* partCopies(
  access: S3Access,
  source: ObjectStat,
  to: Key,
  { onProgress }: CopyOptions,
): AsyncGenerator<SendPart> {
  const partBytes = partBytesFor(source.size, access.copiedPartBytes, access.traits.maxParts);
  for (let start = 0, number = 1; start < source.size; start += partBytes, number++) {
    const end = Math.min(start + partBytes, source.size);
    yield (uploadId, signal) =>
      copyPart(access, { source, to, uploadId, number, start, end, signal, onProgress });
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
  readonly onProgress: CopyOptions["onProgress"];
}

async function copyPart({ bucket, client, traits, encryption }: S3Access, part: PartCopy) {
  const { source, to, uploadId, number, start, end, signal, onProgress } = part;
  const headers = {
    ...sourceHeaders(bucket, traits, source),
    ...encryption.access,
    ...encryption.copySource,
    "x-amz-copy-source-range": `bytes=${start}-${end - 1}`,
  };
  const query = partQuery(uploadId, number);
  const { body } = await client.send({ method: "PUT", key: to, query, headers, signal, onProgress });
  const etag = requiredEtag(textOf(documentOf(body, "CopyPartResult"), "ETag"));
  return { number, etag, size: end - start };
}

function sourceHeaders(
  bucket: string,
  { copySourceMatch }: ProviderTraits,
  { key, etag }: ObjectStat,
): Headers {
  const version = `"${parseVersion(etag).etag}"`;
  return {
    "x-amz-copy-source": `/${bucket}/${encodePath(key)}`,
    ...Object.fromEntries(copySourceMatch.map((name) => [name, version])),
  };
}

function writeOptions(
  source: CopiedVersion,
  { ifAbsent, ifMatch, signal, onProgress }: CopyOptions,
): WriteOptions & SentDescription {
  const { keptHeaders } = source;
  return { ...descriptionOf(source), keptHeaders, ifAbsent, ifMatch, signal, onProgress };
}

function tooLargeToDecide(): ServiceError {
  return refusal("unsupported", "the service cannot copy more than 5 GiB under a condition");
}
