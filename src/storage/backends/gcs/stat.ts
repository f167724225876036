import type { CallOptions, ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import type { GcsAccess } from "./access.js";
import type { Query } from "./client.js";
import { type ObjectResource, parseResource, resourceFields, statOf } from "./object-resource.js";

/** What the service tells of an object. */
export async function statObject(access: GcsAccess, key: Key, { signal }: CallOptions): Promise<ObjectStat> {
  return statOf(key, await describeObject(access, key, signal));
}

/** The same as the service describes it, of any name. */
export async function describeObject(
  { client, paths }: GcsAccess,
  name: string,
  signal: AbortSignal | undefined,
  query: Query = {},
): Promise<ObjectResource> {
  const path = paths.object(name);
  const fields = resourceFields;
  return parseResource(await client.json({ method: "GET", path, query: { ...query, fields }, signal }));
}
