import type { ObjectDescription } from "../../contract/backend.js";
import { contentFieldNames } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";

/** Bytes that Node takes for the entry of an object, part or upload besides its content and texts, rounded up. */
export const overheadBytes = 512;

/** Bytes that an object or upload takes besides its content: key, description and overhead. */
export function entryBytes(key: Key, description: ObjectDescription): number {
  const { contentType, filename, metadata } = description;
  let bytes = overheadBytes + key.length + contentType.length;
  // Text outside of Latin-1 takes two bytes a character.
  if (filename !== undefined) bytes += 2 * filename.length;
  for (const name in metadata) bytes += name.length + 2 * (metadata[name]?.length ?? 0);
  for (const name of contentFieldNames) bytes += description[name]?.length ?? 0;
  return bytes;
}
