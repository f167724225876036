import type { CallOptions, RemoveFailure, RemoveOptions } from "../../contract/backend.js";
import { groupsOf } from "../../contract/in-parallel.js";
import type { Key } from "../../contract/key.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import type { AzureAccess } from "./access.js";
import { answerError } from "./answer-error.js";
import { type AzureClient, blobOf } from "./client.js";
import { requestConditions } from "./conditions.js";
import { breakingLease, isStagedLease } from "./staged-lease.js";

/** Most deletions of one batch ("Blob Batch"). */
const maxBatch = 256;
/** A blob cannot be deleted while it has snapshots. */
const withSnapshots = { deleteSnapshots: "include" } as const;

/** Removes one object, or one version of it, and says whether it was there. */
export function removeObject({ client }: AzureAccess, key: Key, options: RemoveOptions): Promise<boolean> {
  return removeBlob(client, key, options);
}

/** Removes what there is of many objects, and tells which could not be removed. */
export function removeObjects(
  { client }: AzureAccess,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  return removeBlobs(client, keys, options);
}

/** The same of a blob of any name. */
export async function removeBlob(
  client: AzureClient,
  name: string,
  options: RemoveOptions,
): Promise<boolean> {
  const { ifMatch, signal } = options;
  const conditions = requestConditions({ ifAbsent: false, ifMatch });
  const remove = () =>
    client.send(signal, (container, abortSignal) =>
      blobOf(container, name).delete({ ...withSnapshots, conditions, abortSignal }),
    );
  try {
    await breakingLease(client, name, options, remove);
    return true;
  } catch (error) {
    if (isFailure(error, "not_found")) return false;
    if (isFailure(error, "precondition_failed") && !(await isThere(client, name, signal))) return false;
    throw error;
  }
}

/** The service answers a condition on a blob that is not there as one that does not hold. */
async function isThere(client: AzureClient, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  return client.send(signal, (container, abortSignal) => blobOf(container, name).exists({ abortSignal }));
}

/** Removes blobs of any name, in batches of as many as the service takes. */
export async function removeBlobs<Name extends string>(
  client: AzureClient,
  keys: readonly Name[],
  options: CallOptions,
): Promise<readonly BlobFailure<Name>[]> {
  const batches = groupsOf(keys, maxBatch).map((batch) => removeBatch(client, batch, options));
  return (await Promise.all(batches)).flat();
}

/** A blob that could not be removed. */
interface BlobFailure<Name extends string> {
  readonly key: Name;
  readonly error: unknown;
}

async function removeBatch<Name extends string>(
  client: AzureClient,
  keys: readonly Name[],
  options: CallOptions,
): Promise<readonly BlobFailure<Name>[]> {
  const { signal } = options;
  const failures = await sendBatch(client, keys, options);
  const retried = failures.map(async (failure) => {
    if (!isStagedLease(failure.key, failure.error)) return [failure];
    return removeBlob(client, failure.key, { ifMatch: undefined, signal }).then(
      () => [],
      (error: unknown) => {
        signal?.throwIfAborted();
        return [{ key: failure.key, error }];
      },
    );
  });
  return (await Promise.all(retried)).flat();
}

async function sendBatch<Name extends string>(
  client: AzureClient,
  keys: readonly Name[],
  { signal }: CallOptions,
): Promise<readonly BlobFailure<Name>[]> {
  try {
    const { subResponses } = await client.send(signal, async (container, abortSignal) => {
      // The SDK's own `deleteBlobs` sends the batch without a signal.
      const client = container.client.getBlobBatchClient();
      const batch = client.createBatch();
      for (const key of keys) await batch.deleteBlob(blobOf(container, key), withSnapshots);
      return client.submitBatch(batch, { abortSignal });
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
function failureOf(answer: SubAnswer | undefined): ServiceError | undefined {
  if (answer === undefined)
    return new ServiceError("unavailable", undefined, { reason: "MissingSubResponse" });
  const { status, errorCode, headers } = answer;
  if (status < 300) return undefined;
  const error = answerError({ status, code: errorCode, header: (name) => headers.get(name) });
  return isFailure(error, "not_found") ? undefined : error;
}
