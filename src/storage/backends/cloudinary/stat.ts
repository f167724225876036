import type { CallOptions, ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { CloudinaryAccess } from "./access.js";
import { parseAsset, statOf } from "./asset.js";

/**
 * What the service tells of an object.
 *
 * @throws ServiceError `not_found` when there is none.
 */
export async function statObject(
  { client, ids }: CloudinaryAccess,
  key: Key,
  { signal }: CallOptions,
): Promise<ObjectStat> {
  signal?.throwIfAborted();
  const { resourceType, publicId } = ids.addressOf(key);
  const path = `resources/${resourceType}/authenticated/${encodeURIComponent(publicId)}`;
  return statOf(key, parseAsset(await client.admin({ method: "GET", path, parameters: [], signal })));
}
