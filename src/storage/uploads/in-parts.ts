import { limitOfPolicy, type SizeLimit, smallerLimit, tooLarge } from "../content/size-check.js";
import type { CallOptions, ObjectDescription, ObjectStat } from "../contract/backend.js";
import type { Key } from "../contract/key.js";
import { bytesOf, type PartsCompletion, type UploadHandle } from "../multipart-upload.js";
import { completeUpload, removeUpload } from "./complete.js";
import { keptPolicy } from "./kept-policy.js";
import { noUpload, readLease, writeLease } from "./lease.js";
import { contentKey, endOfLease, leaseKey, longestLeaseSeconds, newUploadId } from "./staging.js";
import type { UploadPlace } from "./upload-place.js";

/**
 * Begins an upload that callers write part by part. Where a policy looks at the content it goes to staging first; else the
 * parts are of the object itself.
 *
 * @returns an id that tells the lease as well.
 */
export async function beginParts(
  place: UploadPlace,
  key: Key,
  description: ObjectDescription,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { backend } = place;
  const id = newUploadId(new Date(Date.now() + longestLeaseSeconds * 1000));
  const isUnchecked = !isLookedAt(place, key);
  const uploadId = await backend.createUpload(isUnchecked ? key : contentKey(id), { ...description, signal });
  const lease = { key, description, uploadId, isUnchecked, ...keptPolicy(place, key, undefined) };
  await writeLease(backend, id, lease, { signal });
  return `${id}:${uploadId}`;
}

/** What an upload is known by that {@link beginParts} began. */
export function handleOf(
  place: UploadPlace,
  key: Key,
  known: string | undefined,
): Omit<UploadHandle, "key" | "id"> {
  const end = known?.indexOf(":") ?? -1;
  const id = known?.slice(0, Math.max(end, 0));
  if (known === undefined || id === undefined || endOfLease(id) === undefined)
    return unknownUpload(place, key);
  const upload = { place, key, id, uploadId: known.slice(end + 1) };
  const isStaged = isLookedAt(place, key);
  return {
    ofBackend: upload.uploadId,
    limit: limitOf(place, key),
    at: isStaged ? contentKey(id) : key,
    publish: (completion) =>
      isStaged ? completeUpload(place, id, completion) : publishUnchecked(upload, completion),
    drop: (options) => drop(upload, options),
  };
}

interface KnownUpload {
  readonly place: UploadPlace;
  readonly key: Key;
  /** The id of the lease; `uploadId` is that of the backend. */
  readonly id: string;
  readonly uploadId: string;
}

function unknownUpload(place: UploadPlace, key: Key): Omit<UploadHandle, "key" | "id"> {
  const publish = () => Promise.reject(noUpload());
  const limit = limitOf(place, key);
  return { ofBackend: undefined, limit, at: key, publish, drop: async () => undefined };
}

/** Publishes parts of the object itself. The storage that began the upload may allow less than the one that completes it. */
async function publishUnchecked(
  { place, key, id, uploadId }: KnownUpload,
  { given, conditions, signal }: PartsCompletion,
): Promise<ObjectStat> {
  const { backend, scope, policyOf } = place;
  // The whole storage may complete a tenant's upload, whose lease lies below the tenant's part of the key.
  const ofTenant = key.slice(0, key.indexOf("/") + 1);
  let at = leaseKey(id);
  let lease = (await readLease(backend, at, { signal }))?.lease;
  if (lease === undefined && ofTenant !== "") {
    at = leaseKey(ofTenant + id);
    lease = (await readLease(backend, at, { signal }))?.lease;
  }
  // Without its lease the rules of an upload are not known: an id that a caller changed has none. A lease is also not found
  // where the backend cannot be used, which then says why here.
  if (lease === undefined) await backend.listParts(key, uploadId, { signal });
  if (lease?.uploadId !== uploadId || lease.isUnchecked !== true) throw noUpload();
  const maxBytes = policyOf(lease.policy ?? []).maxBytesOf(scope + key);
  if (bytesOf(given) > maxBytes) throw tooLarge(limitOfPolicy(maxBytes));
  const stat = await backend.completeUpload(key, uploadId, given, { ...conditions, signal });
  // A lease that stays behind is swept.
  await backend.remove(at, { ifMatch: undefined, signal: undefined }).catch(ignore);
  return stat;
}

/** Drops the parts, what was joined of them, and the lease. */
async function drop({ place, key, id, uploadId }: KnownUpload, { signal }: CallOptions): Promise<void> {
  const { backend } = place;
  const found = await readLease(backend, leaseKey(id), { signal });
  const at = isLookedAt(place, key) ? contentKey(id) : key;
  if (found === undefined) return backend.abortUpload(at, uploadId, { signal });
  if (found.lease.stored === undefined && found.lease.uploadId === uploadId)
    await removeUpload(backend, id, found.lease);
}

function limitOf({ maxBytes, policyOf, scope }: UploadPlace, key: Key): SizeLimit {
  return smallerLimit(maxBytes, policyOf([]).maxBytesOf(scope + key));
}

function isLookedAt({ scope, policyOf }: UploadPlace, key: Key): boolean {
  return policyOf([]).looksAt(scope + key);
}

function ignore(): undefined {
  return undefined;
}
