import type { ObjectDescription } from "../contract/backend.js";
import type { Key } from "../contract/key.js";
import type { UploadHandle } from "../multipart-upload.js";
import { type Completion, completeUpload } from "./complete.js";
import { keptPolicy } from "./kept-policy.js";
import { writeLease } from "./lease.js";
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
  const { backend, scope } = place;
  const end = known?.indexOf(":") ?? -1;
  const id = known?.slice(0, end);
  const isKnown = id !== undefined && endOfLease(id) !== undefined;
  const isStaged = isKnown && isLookedAt(place, key);
  return {
    ofBackend: isKnown ? known?.slice(end + 1) : undefined,
    maxBytes: Math.min(place.maxBytes, place.policyOf([]).maxBytesOf(scope + key)),
    at: isStaged ? contentKey(id) : key,
    publish: isStaged ? (completion: Completion) => completeUpload(place, id, completion) : undefined,
    release: async () => {
      // What stays behind is swept.
      if (isKnown)
        await backend.remove(leaseKey(id), { ifMatch: undefined, signal: undefined }).catch(ignore);
    },
  };
}

function isLookedAt({ scope, policyOf }: UploadPlace, key: Key): boolean {
  return policyOf([]).looksAt(scope + key);
}

function ignore(): undefined {
  return undefined;
}
