import { isMadeDisposition } from "../../content/content-disposition.js";
import type { ObjectDescription, ObjectStat } from "../../contract/backend.js";
import type { Checksum } from "../../contract/checksum.js";
import { descriptionOf, storedContentFields } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { ServiceError } from "../../contract/service-error.js";
import { keptMetadata } from "./blob-description.js";

/** What the service tells of a blob when it is read or asked for. */
export interface BlobAnswer {
  readonly etag?: string;
  readonly lastModified?: Date;
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cacheControl?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
}

/** @throws ServiceError for an answer without a size: an object must not be taken for an empty one. */
export function knownSize(size: number | undefined): number {
  if (size !== undefined) return size;
  throw unknownSize();
}

export function unknownSize(): ServiceError {
  return new ServiceError("unavailable", "the service's answer does not tell the size");
}

/** @param size - of the whole blob, in bytes. */
export function statOfAnswer(key: Key, answer: BlobAnswer, size: number): ObjectStat {
  const { contentType = "application/octet-stream" } = answer;
  const { isDispositionOwn, ...kept } = keptMetadata(answer.metadata);
  const fields = storedContentFields((_header, name) => answer[name]);
  const isMade =
    !isDispositionOwn && isMadeDisposition(fields.contentDisposition, contentType, kept.filename);
  const told = isMade ? { ...fields, contentDisposition: undefined } : fields;
  return { key, size, contentType, ...versionOf(answer), ...kept, ...told };
}

/** What an object is that has just been written. */
export function statOfWritten(
  key: Key,
  answer: BlobAnswer,
  description: ObjectDescription,
  content: { readonly size: number; readonly checksum: Checksum | undefined },
): ObjectStat {
  const { size, checksum } = content;
  return { key, size, ...versionOf(answer), ...descriptionOf(description), checksum };
}

function versionOf({ etag, lastModified }: BlobAnswer): Pick<ObjectStat, "etag" | "lastModified"> {
  if (etag === undefined || lastModified === undefined) {
    throw new ServiceError("unknown", "the service's answer names no version");
  }
  return { etag: etag.replace(/^"|"$/g, ""), lastModified };
}
