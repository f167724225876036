import type { CallOptions, RemoveFailure } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { answerError } from "./answer-error.js";
import { AzureError, isFailure } from "./azure-error.js";
import { type AzureService, blobOf } from "./service.js";

/** Most deletions of one batch ("Blob Batch"). */
const maxBatch = 256;
/** A blob cannot be deleted while it has snapshots. */
const withSnapshots = { deleteSnapshots: "include" } as const;

/** Removes one object and says whether it was there. */
export async function removeBlob(
  service: AzureService,
  name: string,
  { signal }: CallOptions,
): Promise<boolean> {
  try {
    await service.send(signal, (container, abortSignal) =>
      blobOf(container, name).delete({ ...withSnapshots, abortSignal }),
    );
    return true;
  } catch (error) {
    if (isFailure(error, "not_found")) return false;
    throw error;
  }
}

/** Removes many, in batches of as many as the service takes. */
export async function removeBlobs(
  service: AzureService,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const starts = Array.from({ length: Math.ceil(keys.length / maxBatch) }, (_, index) => index * maxBatch);
  const batches = starts.map((start) => removeBatch(service, keys.slice(start, start + maxBatch), options));
  return (await Promise.all(batches)).flat();
}

async function removeBatch(
  service: AzureService,
  keys: readonly Key[],
  { signal }: CallOptions,
): Promise<readonly RemoveFailure[]> {
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
