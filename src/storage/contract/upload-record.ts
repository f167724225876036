import type { ObjectDescription } from "./backend.js";
import { descriptionOf, storedContentFields } from "./description.js";
import { isObjectName, type Key } from "./key.js";
import { parseMetadata } from "./metadata.js";
import { noUpload } from "./service-error.js";

/** What is known of an upload in parts, where a service has none: an object that no key can name holds it until it ends. */
export interface UploadRecord {
  readonly description: ObjectDescription;
  /** Members of the backend's own. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** The text of a record. */
export function writeRecord(key: Key, description: ObjectDescription, own: object = {}): string {
  return JSON.stringify({ key, ...descriptionOf(description), ...own });
}

/** @throws ServiceError `not_found` where the record is of another key, or none. */
export function parseRecord(text: string, key: Key): UploadRecord {
  const { contentType, filename, metadata, ...own } = membersIn(text);
  if (own.key !== key || typeof contentType !== "string") throw noUpload();
  const description = {
    contentType,
    filename: typeof filename === "string" ? filename : undefined,
    metadata: parseMetadata(metadata as ObjectDescription["metadata"]),
    ...storedContentFields((_header, name) => own[name]),
  };
  return { description, own };
}

/** The key that a record names; `undefined` of one that is gone or damaged. */
export function keyOfRecord(text: string): Key | undefined {
  const { key } = membersIn(text);
  return isObjectName(key) ? key : undefined;
}

function membersIn(text: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) };
  } catch {
    return {};
  }
}
