// @ts-check
import { invalid } from "./refusal.js";

/**
 * An object as the JSON API describes it (https://cloud.google.com/storage/docs/json_api/v1/objects#resource).
 *
 * @param {string} bucket
 * @param {import("./object-table.js").StoredObject} object
 */
export function resourceOf(bucket, object) {
  const { name, content, description, generation, metageneration, timeCreated, updated, componentCount } =
    object;
  return {
    kind: "storage#object",
    id: `${bucket}/${name}/${generation}`,
    name,
    bucket,
    generation: String(generation),
    metageneration: String(metageneration),
    contentType: "application/octet-stream",
    ...description,
    storageClass: "STANDARD",
    size: String(content.size),
    ...(componentCount === undefined ? { md5Hash: content.md5 } : { componentCount }),
    crc32c: content.crc32c,
    etag: Buffer.from(`${generation}/${metageneration}`).toString("base64"),
    timeCreated,
    updated,
    timeStorageClassUpdated: timeCreated,
    timeFinalized: timeCreated,
  };
}

const known = new Set([
  ...["kind", "id", "name", "bucket", "generation", "metageneration", "contentType", "contentDisposition"],
  ...["contentEncoding", "contentLanguage", "cacheControl", "metadata", "storageClass", "size", "md5Hash"],
  ...[
    "componentCount",
    "crc32c",
    "etag",
    "timeCreated",
    "updated",
    "timeStorageClassUpdated",
    "timeFinalized",
  ],
  ...[
    "items",
    "prefixes",
    "nextPageToken",
    "done",
    "rewriteToken",
    "resource",
    "objectSize",
    "totalBytesRewritten",
  ],
]);

/**
 * Only the members that `fields` asks for: `a,b(c,d)`.
 *
 * @param {unknown} value
 * @param {string | null} fields
 * @returns {unknown}
 */
export function partOf(value, fields) {
  if (fields === null || fields === "*") return value;
  for (const name of fields.match(/[A-Za-z0-9]+/g) ?? []) {
    if (!known.has(name)) throw invalid(`Invalid field selection ${name}`);
  }
  if (Array.isArray(value)) return value.map((each) => partOf(each, fields));
  if (typeof value !== "object" || value === null) return value;
  const members = new Map(Object.entries(value));
  const chosen = splitFields(fields).flatMap(([name, inner]) => {
    return members.has(name) ? [[name, partOf(members.get(name), inner)]] : [];
  });
  return Object.fromEntries(chosen);
}

/** @param {string} fields @returns {[name: string, inner: string | null][]} */
function splitFields(fields) {
  return [...fields.matchAll(/([A-Za-z0-9]+)(?:\(([^()]*)\))?/g)].map(([, name = "", inner]) => [
    name,
    inner ?? null,
  ]);
}
