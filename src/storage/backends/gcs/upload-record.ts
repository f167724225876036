import type { ObjectDescription } from "../../contract/backend.js";
import { descriptionOf, storedContentFields } from "../../contract/description.js";
import { isObjectName, type Key } from "../../contract/key.js";
import { parseMetadata } from "../../contract/metadata.js";
import { noUpload } from "../../contract/service-error.js";
import { membersOf } from "./object-resource.js";

/** What is known of an upload in parts; an object of the kit's own holds it as long as the upload is under way. */
export interface UploadRecord {
  readonly key: string;
  readonly description: ObjectDescription;
}

export function writeRecord(key: Key, description: ObjectDescription): Buffer {
  return Buffer.from(JSON.stringify({ key, ...descriptionOf(description) }));
}

/** @throws ServiceError `not_found` where it is another key's, or none. */
export function parseRecord(text: string, key: Key): UploadRecord {
  const { contentType, filename, metadata, ...rest } = membersOf(JSON.parse(text));
  if (rest.key !== key || typeof contentType !== "string") throw noUpload();
  const pairs = Object.entries(membersOf(metadata)).map(([name, value]) => [name, String(value)]);
  const description = {
    contentType,
    filename: typeof filename === "string" ? filename : undefined,
    metadata: parseMetadata(Object.fromEntries(pairs)),
    ...storedContentFields((_header, name) => rest[name]),
  };
  return { key, description };
}

/** The key that a record names; `undefined` of one that is gone or damaged. */
export function keyOfRecord(text: string): Key | undefined {
  try {
    const { key } = membersOf(JSON.parse(text));
    return isObjectName(key) ? key : undefined;
  } catch {
    return undefined;
  }
}
