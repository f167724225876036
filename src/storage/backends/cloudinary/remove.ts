import { z } from "zod";
import type { CallOptions, RemoveFailure } from "../../contract/backend.js";
import { groupsOf } from "../../contract/in-parallel.js";
import type { Key } from "../../contract/key.js";
import { ServiceError } from "../../contract/service-error.js";
import type { CloudinaryAccess } from "./access.js";
import type { CloudinaryClient } from "./client.js";
import { type PublicIds, type ResourceType, resourceTypes } from "./public-id.js";

/** Most public ids that one call of the Admin API deletes. */
const maxIds = 100;

const destroyed = z.object({ result: z.string() });
const deleted = z.object({ deleted: z.record(z.string(), z.string()) });

/** Removes one asset and says whether there was one. */
export async function removeObject(
  { client, ids }: CloudinaryAccess,
  key: Key,
  { signal }: CallOptions,
): Promise<boolean> {
  signal?.throwIfAborted();
  const { resourceType, publicId } = ids.addressOf(key);
  const parameters = { public_id: publicId, type: "authenticated", invalidate: "true" };
  const path = `${resourceType}/destroy` as const;
  const answer = destroyed.safeParse(await client.upload({ path, parameters, commits: false, signal }));
  if (answer.data?.result === "ok") return true;
  if (answer.data?.result === "not found") return false;
  throw new ServiceError("unavailable", "Cloudinary does not say whether it deleted the object");
}

/** Removes many, a hundred of one resource type at a time, and says which stayed. */
export async function removeObjects(
  { client, ids }: CloudinaryAccess,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  options.signal?.throwIfAborted();
  const failures: RemoveFailure[] = [];
  for (const resourceType of resourceTypes) {
    const ofType = keys.filter((key) => ids.addressOf(key).resourceType === resourceType);
    for (const batch of groupsOf(ofType, maxIds)) {
      failures.push(...(await removeBatch(client, ids, batch, resourceType, options)));
      options.onProgress?.();
    }
  }
  return failures;
}

async function removeBatch(
  client: CloudinaryClient,
  ids: PublicIds,
  keys: readonly Key[],
  resourceType: ResourceType,
  { signal }: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const idOf = (key: Key) => ids.addressOf(key).publicId;
  const parameters = [
    ...keys.map((key) => ["public_ids[]", idOf(key)] as const),
    ["invalidate", "true"] as const,
  ];
  const path = `resources/${resourceType}/authenticated`;
  try {
    const answer = deleted.safeParse(await client.admin({ method: "DELETE", path, parameters, signal }));
    const error = new ServiceError("unavailable", "Cloudinary did not delete the object");
    return keys.filter((key) => answer.data?.deleted[idOf(key)] === undefined).map((key) => ({ key, error }));
  } catch (error) {
    signal?.throwIfAborted();
    return keys.map((key) => ({ key, error }));
  }
}
