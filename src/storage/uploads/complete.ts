import type { ObjectStat, StorageBackend, UploadedPart, WriteConditions } from "../contract/backend.js";
import { InvalidArgumentError, type StorageErrorCode } from "../contract/error.js";
import type { CompleteOptions } from "../options.js";
import { codeOf, findLease, type Lease, writeLease } from "./lease.js";
import { promote } from "./promote.js";
import { findPublished } from "./published.js";
import { contentKey, leaseKey } from "./staging.js";
import type { UploadPlace } from "./upload-place.js";

/** Failures that refuse the content for good; after any other the upload can be completed later. */
const refusals: ReadonlySet<StorageErrorCode> = new Set([
  "too_large",
  "unsupported_type",
  "infected",
  "checksum_mismatch",
  "invalid_argument",
  "precondition_failed",
]);

/** A completion, which may have its own conditions. */
export interface Completion extends CompleteOptions {
  readonly conditions?: WriteConditions | undefined;
  /** The parts that the object is to have; all, unless it is said. */
  readonly given?: readonly UploadedPart[] | undefined;
}

/**
 * Makes an upload an object: checks what has arrived by the whole policy, and publishes the very version that passed.
 * Idempotent: an upload that was completed answers what was stored. One that is refused leaves nothing.
 *
 * @throws FileNotFoundError when there is no such upload, or nothing has arrived.
 */
export async function completeUpload(
  place: UploadPlace,
  named: unknown,
  options: Completion,
): Promise<ObjectStat> {
  const { backend } = place;
  const { signal } = options;
  const { id, lease } = await findLease(backend, named, { signal });
  if (lease.stored !== undefined) return lease.stored;
  await joinParts(backend, id, lease, options);
  try {
    const stored =
      (await findPublished(backend, id, lease, { signal })) ?? (await promote(place, id, lease, options));
    await writeLease(backend, id, { ...lease, stored }, { signal: undefined });
    await removeContent(backend, id);
    return stored;
  } catch (error) {
    return await settle(backend, id, error);
  }
}

/** Drops an upload with all that has arrived. Idempotent. */
export async function abortUpload(
  place: UploadPlace,
  named: unknown,
  options: CompleteOptions,
): Promise<void> {
  const { backend } = place;
  try {
    const { id, lease } = await findLease(backend, named, { signal: options.signal });
    if (lease.stored === undefined) await removeUpload(backend, id, lease);
  } catch (error) {
    if (codeOf(backend, error) !== "not_found") throw error;
  }
}

/** Removes an upload that was refused or aborted: its parts, its content, and its lease at last. */
export async function removeUpload(backend: StorageBackend, id: string, { uploadId }: Lease): Promise<void> {
  const options = { signal: undefined };
  if (uploadId !== undefined) await backend.abortUpload(contentKey(id), uploadId, options);
  await removeContent(backend, id);
  await backend.remove(leaseKey(id), { ifMatch: undefined, ...options });
}

async function removeContent(backend: StorageBackend, id: string): Promise<void> {
  await backend.remove(contentKey(id), { ifMatch: undefined, signal: undefined });
}

/** Another call may have completed the upload meanwhile; then that is the answer. */
async function settle(backend: StorageBackend, id: string, error: unknown): Promise<ObjectStat> {
  const code = codeOf(backend, error);
  if (code !== "not_found" && !refusals.has(code)) throw error;
  const found = await findLease(backend, id, { signal: undefined }).catch(() => undefined);
  if (found?.lease.stored !== undefined) return found.lease.stored;
  if (found !== undefined && refusals.has(code)) await removeUpload(backend, id, found.lease);
  throw error;
}

/** Joins what came in parts, unless a call before this one did. */
async function joinParts(
  backend: StorageBackend,
  id: string,
  { uploadId, parts: count }: Lease,
  { given, signal }: Completion,
): Promise<void> {
  if (uploadId === undefined) return;
  try {
    const parts = given ?? (await backend.listParts(contentKey(id), uploadId, { signal }));
    const missing = parts.findIndex(({ number }, index) => number !== index + 1);
    if (given === undefined && (missing >= 0 || parts.length !== count)) {
      const number = missing >= 0 ? missing + 1 : Math.min(parts.length, count ?? 0) + 1;
      throw new InvalidArgumentError({ message: `part ${number} of ${count} has not arrived` });
    }
    await backend.completeUpload(contentKey(id), uploadId, parts, {
      ifAbsent: false,
      ifMatch: undefined,
      signal,
    });
  } catch (error) {
    if (codeOf(backend, error) !== "not_found") throw error;
  }
}
