import type { CallOptions } from "../../contract/backend.js";
import { isStaged } from "../../contract/key.js";
import { ServiceError } from "../../contract/service-error.js";
import { type AzureClient, blobOf } from "./client.js";

/** Whether a lease of another program refused a change of a blob that is staged. */
export function isStagedLease(name: string, error: unknown): boolean {
  return isStaged(name) && error instanceof ServiceError && error.reason === "LeaseIdMissing";
}

/**
 * Does what a lease refuses, where the blob is staged: the URL of a direct upload lets its holder take a lease of what
 * it wrote ("Lease Blob"), and nothing else may lease it.
 */
export async function breakingLease<T>(
  client: AzureClient,
  name: string,
  { signal }: CallOptions,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!isStagedLease(name, error)) throw error;
    await client.send(signal, (container, abortSignal) =>
      blobOf(container, name).getBlobLeaseClient().breakLease(0, { abortSignal }),
    );
    return change();
  }
}
