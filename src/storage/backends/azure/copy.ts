import { isDeepStrictEqual } from "node:util";
import type { BlobHTTPHeaders } from "@azure/storage-blob";
import type { CopyOptions, ObjectDescription, ObjectStat } from "../../contract/backend.js";
import { Cancellation } from "../../contract/cancellation.js";
import { inParallel } from "../../contract/in-parallel.js";
import type { Key } from "../../contract/key.js";
import { isFailure, refusal, ServiceError } from "../../contract/service-error.js";
import type { AzureAccess } from "./access.js";
import { sentDescription } from "./blob-description.js";
import { type BlobAnswer, knownSize, statOfAnswer, statOfWritten } from "./blob-stat.js";
import { blockIds, newScope } from "./block-upload.js";
import { blobOf } from "./client.js";
import { quotedEtag, requestConditions } from "./conditions.js";
import { sign } from "./sign.js";

/** Limit of Copy Blob From URL; a step of Put Block From URL is short enough to show progress. */
export const copyLimits = { copiedAtOnceBytes: 268_435_456, copiedStepBytes: 67_108_864 } as const;

/** A URL with which the service itself reads the source of a copy lives so many milliseconds. */
const sourceUrlMs = 3_600_000;
/** How often a source that is being replaced is begun with again, and steps that are made at once. */
const maxTurns = 5;
const stepsAtOnce = 4;

/** The source as it was when the copy began. */
interface CopySource {
  readonly key: Key;
  readonly stat: ObjectStat;
  readonly etag: string;
  readonly headers: BlobHTTPHeaders;
  readonly metadata: Record<string, string>;
}

/** Copies an object inside the service, all or nothing, and only one version of it. */
export async function copyObject(
  access: AzureAccess,
  from: Key,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  let source = await findSource(access, from, options);
  checkSource(source, options);
  for (let turn = 1; turn <= maxTurns; turn++) {
    try {
      return await copyVersion(access, source, to, options);
    } catch (error) {
      source = await findReplacement(access, source, options, error);
    }
  }
  throw replaced();
}

async function copyVersion(
  access: AzureAccess,
  source: CopySource,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const { description } = options;
  // Only blocks can be published under another description.
  const isSame = description === undefined || isSent(source, description);
  const isAtOnce = isSame && source.stat.size <= access.copiedAtOnceBytes;
  const copy = isAtOnce ? copyAtOnce : copyInSteps;
  return statOfWritten(to, await copy(access, source, to, options), description ?? source.stat, source.stat);
}

/** Whether a source has what would be sent and nothing else, as the service keeps it: its stat hides what `put` would refuse. */
function isSent({ stat, headers, metadata }: CopySource, description: ObjectDescription): boolean {
  return isDeepStrictEqual(
    { blobHTTPHeaders: headers, metadata },
    sentDescription(description, stat.checksum),
  );
}

/** What took the place of a source; @throws the error where it was not for that. */
async function findReplacement(
  access: AzureAccess,
  source: CopySource,
  options: CopyOptions,
  error: unknown,
): Promise<CopySource> {
  if (!mayBeReplaced(error)) throw error;
  const found = await findSource(access, source.key, options);
  if (found.etag === source.etag) throw error;
  checkSource(found, options);
  return found;
}

function checkSource({ stat }: CopySource, { sourceIfMatch }: CopyOptions): void {
  if (sourceIfMatch === undefined || stat.etag === sourceIfMatch) return;
  throw refusal("precondition_failed", "the source is not the version that was asked for");
}

/** The service may call a condition of the source that does not hold like one of the target. */
function mayBeReplaced(error: unknown): boolean {
  return (
    isFailure(error, "precondition_failed") ||
    (error instanceof ServiceError && error.reason === sourceReplaced)
  );
}

const sourceReplaced = "SourceConditionNotMet";

function replaced(): ServiceError {
  const explanation = "the source was replaced while it was copied";
  return new ServiceError("unavailable", explanation, { reason: sourceReplaced, applied: false });
}

async function findSource({ client }: AzureAccess, key: Key, { signal }: CopyOptions): Promise<CopySource> {
  const found = await client.send(signal, (container, abortSignal) =>
    blobOf(container, key).getProperties({ abortSignal }),
  );
  const stat = statOfAnswer(key, found, knownSize(found.contentLength));
  const headers = {
    blobContentType: stat.contentType,
    ...(found.contentDisposition !== undefined && { blobContentDisposition: found.contentDisposition }),
    ...(found.contentEncoding !== undefined && { blobContentEncoding: found.contentEncoding }),
    ...(found.contentLanguage !== undefined && { blobContentLanguage: found.contentLanguage }),
    ...(found.cacheControl !== undefined && { blobCacheControl: found.cacheControl }),
  };
  return { key, stat, etag: quotedEtag(stat.etag), headers, metadata: found.metadata ?? {} };
}

async function copyAtOnce(
  access: AzureAccess,
  { key, etag }: CopySource,
  to: Key,
  options: CopyOptions,
): Promise<BlobAnswer> {
  const conditions = requestConditions(options);
  const url = await sourceUrl(access, key);
  return access.client.change(options.signal, (container, cancellation) => {
    cancellation.sent();
    const abortSignal = cancellation.signal;
    return blobOf(container, to).syncCopyFromURL(url, {
      conditions,
      sourceConditions: { ifMatch: etag },
      abortSignal,
    });
  });
}

/** The steps cannot ask for a version, so that of the source must still be the same when all of them are made. */
async function copyInSteps(
  access: AzureAccess,
  source: CopySource,
  to: Key,
  options: CopyOptions,
): Promise<BlobAnswer> {
  const conditions = requestConditions(options);
  const { description } = options;
  const sent = description && sentDescription(description, source.stat.checksum);
  const ids = await stageSteps(access, source, to, options);
  const { etag } = await findSource(access, source.key, options);
  if (etag !== source.etag) throw replaced();
  return access.client.change(options.signal, (container, cancellation) => {
    cancellation.sent();
    const { blobHTTPHeaders = source.headers, metadata = source.metadata } = sent ?? {};
    const abortSignal = cancellation.signal;
    return blobOf(container, to).commitBlockList(ids, { blobHTTPHeaders, metadata, conditions, abortSignal });
  });
}

async function stageSteps(
  access: AzureAccess,
  { key, stat }: CopySource,
  to: Key,
  { signal, onProgress }: CopyOptions,
): Promise<string[]> {
  const { client, copiedStepBytes } = access;
  const ids = blockIds(newScope(), Math.ceil(stat.size / copiedStepBytes));
  const stopping = new Cancellation(signal);
  const stage = async ([index, id]: readonly [number, string]) => {
    const offset = index * copiedStepBytes;
    const count = Math.min(copiedStepBytes, stat.size - offset);
    const url = await sourceUrl(access, key);
    await client.send(stopping.signal, (container, abortSignal) =>
      blobOf(container, to).stageBlockFromURL(id, url, offset, count, { abortSignal }),
    );
    onProgress?.();
  };
  try {
    await inParallel([...ids.entries()], stepsAtOnce, stage);
    stopping.end();
    return ids;
  } catch (error) {
    stopping.cancel(new Error("another step failed"));
    throw error;
  }
}

/** Reads the source for a while, since the service fetches it like any other reader. */
async function sourceUrl(access: AzureAccess, key: Key): Promise<string> {
  const expiresAt = new Date(Date.now() + sourceUrlMs);
  return (await sign(access, key, { expiresAt, download: false, filename: undefined }))();
}
