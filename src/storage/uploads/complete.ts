import type { ObjectStat, StorageBackend } from "../contract/backend.js";
import { BackendUnavailableError, type StorageErrorCode } from "../contract/error.js";
import { parseKey } from "../contract/key.js";
import type { CompleteOptions } from "../options.js";
import { Claim } from "./claim.js";
import type { Completion } from "./completion.js";
import { joinParts } from "./join-parts.js";
import { codeOf, findLease, type Lease, readLease, type UploadLease, writeLease } from "./lease.js";
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

/** How often a completion begins again after another one of the same upload came first. */
const maxTurns = 5;

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
  for (let turn = 1; ; turn++) {
    const found = await findLease(backend, named, { signal });
    if (found.lease.stored !== undefined) return found.lease.stored;
    if (turn > maxTurns) throw isBusy();
    await joinParts(backend, found.id, found.lease, options);
    const claim = new Claim(backend, found);
    try {
      return await keep(backend, claim, await promote(place, claim, options));
    } catch (error) {
      if (!claim.isOvertaken) return await settle(backend, claim, error);
    }
  }
}

/** No refusal: the others need the content that has been sent. */
function isBusy(): BackendUnavailableError {
  const message = "other calls complete this upload at the same time; repeat the call";
  return new BackendUnavailableError({ message, retryAfterMs: 1000 });
}

/** Notes what was stored before the content goes, so that every further completion answers the same. */
async function keep(backend: StorageBackend, found: UploadLease, stored: ObjectStat): Promise<ObjectStat> {
  await noteStored(backend, found, stored);
  await removeContent(backend, found.id);
  return stored;
}

/**
 * Over the version that is there, and never without a condition while that can be had: Ceph drops, with 200, a write
 * without one that meets a conditional write at the same moment, which is another completion that marks the lease.
 */
async function noteStored(
  backend: StorageBackend,
  { id, lease, version }: UploadLease,
  stored: ObjectStat,
): Promise<void> {
  const signal = undefined;
  let last: string | undefined = version;
  for (let turn = 1; ; turn++) {
    try {
      await writeLease(backend, id, { ...lease, stored }, { signal, version: last });
      return;
    } catch (error) {
      // S3 answers not_found to a condition on a lease that is gone.
      const isOther = ["precondition_failed", "not_found"].includes(codeOf(backend, error));
      if (last === undefined || !isOther) throw error;
    }
    last = turn < maxTurns ? (await readLease(backend, leaseKey(id), { signal }))?.version : undefined;
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
export async function removeUpload(
  backend: StorageBackend,
  id: string,
  { key, uploadId, isUnchecked = false }: Lease,
): Promise<void> {
  const options = { signal: undefined };
  const at = isUnchecked ? parseKey(key) : contentKey(id);
  if (uploadId !== undefined) await backend.abortUpload(at, uploadId, options);
  if (!isUnchecked) await removeContent(backend, id);
  await backend.remove(leaseKey(id), { ifMatch: undefined, ...options });
}

async function removeContent(backend: StorageBackend, id: string): Promise<void> {
  await backend.remove(contentKey(id), { ifMatch: undefined, signal: undefined });
}

/** Another call may have published the upload, meanwhile or before its process died; then that is the answer. */
async function settle(backend: StorageBackend, claim: Claim, error: unknown): Promise<ObjectStat> {
  const code = codeOf(backend, error);
  if (code !== "not_found" && !refusals.has(code)) throw error;
  const now = await findLease(backend, claim.id, { signal: undefined }).catch(() => undefined);
  if (now?.lease.stored !== undefined) return now.lease.stored;
  if (now === undefined || code === "not_found") throw error;
  const isUncertain = code === "precondition_failed" && claim.isShared(now);
  const published = isUncertain ? await findPublished(backend, now) : undefined;
  if (published !== undefined) return keep(backend, now, published);
  // The call that published it removes the content when it has told so, and may have done both since.
  const kept = isUncertain ? await findLease(backend, now.id, { signal: undefined }) : now;
  if (kept.lease.stored !== undefined) return kept.lease.stored;
  await removeUpload(backend, now.id, now.lease);
  throw error;
}
