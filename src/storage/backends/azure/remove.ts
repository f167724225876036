import type { CallOptions, RemoveOptions } from "../../contract/backend.js";
import { answerError } from "./answer-error.js";
import { AzureError, isFailure } from "./azure-error.js";
import { type AzureService, blobOf } from "./client.js";
import { requestConditions } from "./conditions.js";

/** Most deletions of one batch ("Blob Batch"). */
const maxBatch = 256;
/** A blob cannot be deleted while it has snapshots. */
const withSnapshots = { deleteSnapshots: "include" } as const;

/** Removes one object, or one version of it, and says whether it was there. */
export async function removeBlob(
  service: AzureService,
  name: string,
  { ifMatch, signal }: RemoveOptions,
): Promise<boolean> {
  const conditions = requestConditions({ ifAbsent: false, ifMatch });
  try {
    await service.send(signal, (container, abortSignal) =>
      blobOf(container, name).delete({ ...withSnapshots, conditions, abortSignal }),
    );
    return true;
  } catch (error) {
    if (isFailure(error, "not_found")) return false;
    if (isFailure(error, "precondition_failed") && !(await isThere(service, name, signal))) return false;
    throw error;
  }
}

/** The service answers a condition on a blob that is not there as one that does not hold. */
async function isThere(
  service: AzureService,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return service.send(signal, (container, abortSignal) => blobOf(container, name).exists({ abortSignal }));
}

/** Removes many, in batches of as many as the service takes. */
export async function removeBlobs<Name extends string>(
  service: AzureService,
  keys: readonly Name[],
  options: CallOptions,
): Promise<readonly BlobFailure<Name>[]> {
  const starts = Array.from({ length: Math.ceil(keys.length / maxBatch) }, (_, index) => index * maxBatch);
  const batches = starts.map((start) => removeBatch(service, keys.slice(start, start + maxBatch), options));
  return (await Promise.all(batches)).flat();
}

/** A blob that could not be removed. */
interface BlobFailure<Name extends string> {
  readonly key: Name;
  readonly error: unknown;
}

async function removeBatch<Name extends string>(
  service: AzureService,
  keys: readonly Name[],
  { signal }: CallOptions,
): Promise<readonly BlobFailure<Name>[]> {
  try {
    const { subResponses } = await service.send(signal, (container, abortSignal) => {
      const blobs = keys.map((key) => blobOf(container, key));
      return container.client.getBlobBatchClient().deleteBlobs(blobs, { ...withSnapshots, abortSignal });
    });
    return keys.flatMap((key, index) => {
      const error = failureOf(subResponses[index]);
      return error === undefined ? [] : [{ key, error }];
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    return keys.map((key) => ({ key, error }));
  }
}

interface SubAnswer {
  readonly status: number;
  readonly errorCode?: string;
  readonly headers: { get(name: string): string | undefined };
}

/** What failed of one deletion; what was not there is gone, too. */
function failureOf(answer: SubAnswer | undefined): AzureError | undefined {
  if (answer === undefined) return new AzureError("unavailable", { reason: "MissingSubResponse" });
  const { status, errorCode, headers } = answer;
  if (status < 300) return undefined;
  const error = answerError({ status, code: errorCode, header: (name) => headers.get(name) });
  return isFailure(error, "not_found") ? undefined : error;
}
