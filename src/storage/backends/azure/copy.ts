import type { BlobHTTPHeaders } from "@azure/storage-blob";
import type { CopyOptions, ObjectStat } from "../../contract/backend.js";
import { Cancellation } from "../../contract/cancellation.js";
import type { Key } from "../../contract/key.js";
import { AzureError, isFailure, refusal } from "./azure-error.js";
import { type BlobAnswer, statOfAnswer, statOfWritten } from "./blob-stat.js";
import { blockIds, newScope } from "./block-upload.js";
import { type AzureService, blobOf } from "./client.js";
import { quotedEtag, requestConditions } from "./conditions.js";

/** How the service is asked to copy. */
export interface CopyTools {
  readonly service: AzureService;
  /** A URL that reads the source for a while, since the service fetches it like any other reader. */
  readonly sourceUrl: (key: Key) => Promise<string>;
  /** Largest source that is copied in one step, in bytes. */
  readonly maxAtOnceBytes: number;
  /** Bytes of a step otherwise. */
  readonly stepBytes: number;
}

/** Limit of Copy Blob From URL; a step of Put Block From URL is short enough to show progress. */
export const copyLimits = { maxAtOnceBytes: 268_435_456, stepBytes: 67_108_864 } as const;

/** How often a source that is being replaced is begun with again, and steps that are made at once. */
const maxTurns = 5;
const stepsAtOnce = 4;

/** The source as it was when the copy began. */
interface Source {
  readonly key: Key;
  readonly stat: ObjectStat;
  readonly etag: string;
  readonly headers: BlobHTTPHeaders;
  readonly metadata: Record<string, string>;
}

/** Copies an object inside the service, all or nothing, and only one version of it. */
export async function copyBlob(
  tools: CopyTools,
  from: Key,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  let source = await findSource(tools, from, options);
  checkSource(source, options);
  for (let turn = 1; turn <= maxTurns; turn++) {
    try {
      return await copyVersion(tools, source, to, options);
    } catch (error) {
      source = await findReplacement(tools, source, options, error);
    }
  }
  throw replaced();
}

async function copyVersion(
  tools: CopyTools,
  source: Source,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const copy = source.stat.size <= tools.maxAtOnceBytes ? copyAtOnce : copyInSteps;
  return statOfWritten(to, await copy(tools, source, to, options), source.stat, source.stat);
}

/** What took the place of a source; @throws the error where it was not for that. */
async function findReplacement(
  tools: CopyTools,
  source: Source,
  options: CopyOptions,
  error: unknown,
): Promise<Source> {
  if (!mayBeReplaced(error)) throw error;
  const found = await findSource(tools, source.key, options);
  if (found.etag === source.etag) throw error;
  checkSource(found, options);
  return found;
}

function checkSource({ stat }: Source, { sourceIfMatch }: CopyOptions): void {
  if (sourceIfMatch === undefined || stat.etag === sourceIfMatch) return;
  throw refusal("precondition_failed", "the source is not the version that was asked for");
}

/** The service may call a condition of the source that does not hold like one of the target. */
function mayBeReplaced(error: unknown): boolean {
  return (
    isFailure(error, "precondition_failed") ||
    (error instanceof AzureError && error.reason === sourceReplaced)
  );
}

const sourceReplaced = "SourceConditionNotMet";

function replaced(): AzureError {
  const explanation = "the source was replaced while it was copied";
  return new AzureError("unavailable", { explanation, reason: sourceReplaced, applied: false });
}

async function findSource({ service }: CopyTools, key: Key, { signal }: CopyOptions): Promise<Source> {
  const found = await service.send(signal, (container, abortSignal) =>
    blobOf(container, key).getProperties({ abortSignal }),
  );
  const stat = statOfAnswer(key, found, found.contentLength ?? 0);
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
  { service, sourceUrl }: CopyTools,
  { key, etag }: Source,
  to: Key,
  options: CopyOptions,
): Promise<BlobAnswer> {
  const conditions = requestConditions(options);
  const url = await sourceUrl(key);
  return service.change(options.signal, (container, cancellation) => {
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
  tools: CopyTools,
  source: Source,
  to: Key,
  options: CopyOptions,
): Promise<BlobAnswer> {
  const { service } = tools;
  const conditions = requestConditions(options);
  const ids = await stageSteps(tools, source, to, options);
  const { etag } = await findSource(tools, source.key, options);
  if (etag !== source.etag) throw replaced();
  return service.change(options.signal, (container, cancellation) => {
    cancellation.sent();
    const { headers: blobHTTPHeaders, metadata } = source;
    const abortSignal = cancellation.signal;
    return blobOf(container, to).commitBlockList(ids, { blobHTTPHeaders, metadata, conditions, abortSignal });
  });
}

async function stageSteps(
  { service, sourceUrl, stepBytes }: CopyTools,
  { key, stat }: Source,
  to: Key,
  { signal, onProgress }: CopyOptions,
): Promise<string[]> {
  const ids = blockIds(newScope(), Math.ceil(stat.size / stepBytes));
  const left = [...ids.entries()];
  const stopping = new Cancellation(signal);
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, id] = next;
      const offset = index * stepBytes;
      const count = Math.min(stepBytes, stat.size - offset);
      const url = await sourceUrl(key);
      await service.send(stopping.signal, (container, abortSignal) =>
        blobOf(container, to).stageBlockFromURL(id, url, offset, count, { abortSignal }),
      );
      onProgress?.();
    }
  };
  try {
    await Promise.all(Array.from({ length: stepsAtOnce }, worker));
    stopping.end();
    return ids;
  } catch (error) {
    stopping.cancel(new Error("another step failed"));
    throw error;
  }
}
