import { isMadeDisposition, keptDisposition } from "../../content/content-disposition.js";
import type { ContentFields, ObjectDescription, ObjectStat } from "../../contract/backend.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import { storedContentFields } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { storedFilename, storedMetadata } from "../../contract/metadata.js";
import { ServiceError } from "../../contract/service-error.js";

/** Names that no user's pair can have, since those hold no dot. */
const filenameName = "svc-infra.filename";
const checksumName = "svc-infra.crc32";
/** Says that the disposition is the caller's own, and not the one that is made of the file name. */
const ownDispositionName = "svc-infra.disposition";

/** Members of an object resource that are asked for. */
export const resourceFields =
  "name,size,contentType,generation,updated,metadata,md5Hash,cacheControl,contentEncoding,contentDisposition,contentLanguage";

/** An object as the service describes it. */
export interface ObjectResource {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly generation: string;
  readonly contentType: string;
  /** When its content or its description changed last. */
  readonly updated: Date;
  readonly md5Hash: string | undefined;
  readonly metadata: ReadonlyMap<string, string>;
  readonly fields: ContentFields;
}

/** What is sent to describe an object. Its metadata is JSON, so any script stays as it is. */
export function toResource(description: ObjectDescription, checksum?: Checksum): object {
  const { contentType, filename, metadata, cacheControl, contentEncoding, contentLanguage } = description;
  return {
    contentType,
    cacheControl,
    contentEncoding,
    contentLanguage,
    contentDisposition: keptDisposition(description),
    metadata: {
      ...metadata,
      ...(filename !== undefined && { [filenameName]: filename }),
      ...(description.contentDisposition !== undefined && { [ownDispositionName]: "1" }),
      ...(checksum !== undefined && { [checksumName]: checksum }),
    },
  };
}

/** Reads an object resource (https://cloud.google.com/storage/docs/json_api/v1/objects#resource). */
export function parseResource(raw: unknown): ObjectResource {
  const members = membersOf(raw);
  const { name, size, generation, contentType, updated, md5Hash, metadata } = members;
  if (typeof name !== "string" || typeof generation !== "string" || !/^[0-9]+$/.test(String(size))) {
    throw new ServiceError("unavailable", "the service's answer describes no object");
  }
  return {
    name,
    generation,
    size: Number(size),
    contentType: typeof contentType === "string" ? contentType : "application/octet-stream",
    updated: new Date(typeof updated === "string" ? updated : 0),
    md5Hash: typeof md5Hash === "string" ? md5Hash : undefined,
    metadata: textsOf(metadata),
    fields: storedContentFields((_header, field) => members[field]),
  };
}

/** What the contract tells of an object; the generation is its ETag, since every write makes another one. */
export function statOf(key: Key, resource: ObjectResource): ObjectStat {
  const { size, contentType, generation, updated, metadata, fields } = resource;
  const checksum = metadata.get(checksumName);
  const filename = storedFilename(metadata.get(filenameName));
  const isMade =
    !metadata.has(ownDispositionName) && isMadeDisposition(fields.contentDisposition, contentType, filename);
  return {
    key,
    size,
    contentType,
    etag: generation,
    lastModified: updated,
    filename,
    metadata: storedMetadata(metadata),
    checksum: isChecksum(checksum) ? checksum : undefined,
    ...fields,
    ...(isMade && { contentDisposition: undefined }),
  };
}

/** Members of a JSON object; none of anything else. */
export function membersOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}

function textsOf(raw: unknown): ReadonlyMap<string, string> {
  const pairs = Object.entries(membersOf(raw));
  return new Map(pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string"));
}
