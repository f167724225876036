import type { CallOptions, ObjectStat } from "../../backend.js";
import type { Key } from "../../key.js";
import type { BucketAccess } from "./access.js";
import { statOf } from "./object-headers.js";

/** What the service tells of an object. */
export async function statObject(
  { client, encryption }: BucketAccess,
  key: Key,
  { signal }: CallOptions,
): Promise<ObjectStat> {
  const { headers } = await client.send({ method: "HEAD", key, headers: encryption.access, signal });
  return statOf(key, headers);
}
