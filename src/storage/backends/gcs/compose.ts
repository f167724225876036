import { randomBytes } from "node:crypto";
import type { CallOptions, ObjectDescription, WriteConditions } from "../../contract/backend.js";
import { committed } from "../../contract/cancellation.js";
import { groupsOf, inParallel } from "../../contract/in-parallel.js";
import type { GcsAccess } from "./access.js";
import type { Query } from "./client.js";
import { conditionQuery } from "./conditions.js";
import type { StagedObject } from "./list.js";
import { type ObjectResource, parseResource, resourceFields, toResource } from "./object-resource.js";

/** Most objects that the service joins at once. */
const maxVersions = 32;
const requestsAtOnce = 8;

/** Exactly this version of an object. */
export type ObjectVersion = Pick<StagedObject, "name" | "generation">;

/** What the joined object is to be. */
export interface JoinTarget extends CallOptions, WriteConditions {
  readonly name: string;
  readonly description: ObjectDescription;
  /** Where objects in between are kept; ends with `/`. */
  readonly folder: string;
}

/**
 * Joins objects into one (https://cloud.google.com/storage/docs/composite-objects), as a tree where there are many. Only the
 * last step, which is one request with the conditions, makes anything visible.
 */
export async function compose(
  access: GcsAccess,
  parts: readonly ObjectVersion[],
  target: JoinTarget,
): Promise<ObjectResource> {
  let versions = parts;
  while (versions.length > maxVersions) versions = await joinGroups(access, versions, target);
  const query = { ...conditionQuery(target), fields: resourceFields };
  const destination = toResource(target.description);
  return committed(target.signal, async (cancellation) => {
    cancellation.sent();
    return join(access, target.name, versions, { query, destination, signal: cancellation.signal });
  });
}

function joinGroups(
  access: GcsAccess,
  versions: readonly ObjectVersion[],
  { folder, signal, onProgress }: JoinTarget,
): Promise<readonly ObjectVersion[]> {
  const destination = { contentType: "application/octet-stream" };
  return inParallel(groupsOf(versions, maxVersions), requestsAtOnce, async (group) => {
    const name = `${folder}${randomBytes(9).toString("base64url")}`;
    const query = { ifGenerationMatch: "0", fields: resourceFields };
    const joined = await join(access, name, group, { query, destination, signal });
    onProgress?.();
    return joined;
  });
}

async function join(
  { client, paths }: GcsAccess,
  name: string,
  versions: readonly ObjectVersion[],
  { query, destination, signal }: { query: Query; destination: object; signal: AbortSignal | undefined },
): Promise<ObjectResource> {
  const sourceObjects = versions.map((version) => ({ name: version.name, generation: version.generation }));
  const answer = await client.json({
    method: "POST",
    path: paths.compose(name),
    query,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: JSON.stringify({ kind: "storage#composeRequest", sourceObjects, destination }),
    signal,
  });
  return parseResource(answer);
}
