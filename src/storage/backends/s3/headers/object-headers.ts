import { givenDisposition, madeDisposition } from "../../../content/content-disposition.js";
import type { ContentFields, ObjectStat } from "../../../contract/backend.js";
import { contentFieldNames, contentHeaders, storedContentFields } from "../../../contract/description.js";
import type { Key } from "../../../contract/key.js";
import { storedFilename } from "../../../contract/metadata.js";
import type { ProviderTraits } from "../providers.js";
import { requiredEtag } from "../wire/answer-document.js";
import type { S3Response } from "../wire/exchange.js";
import type { Headers } from "../wire/sigv4.js";
import { nameInDisposition } from "./disposition-name.js";
import type { SentDescription } from "./kept-headers.js";
import { type KeptMetadata, keptMetadata, metadataHeaders } from "./metadata-headers.js";
import { formatVersion } from "./version.js";
import type { WriteMark } from "./write-mark.js";

/** Milliseconds that the time of a mark may differ from the service's; further off, the object was copied by others. */
const maxSkewMs = 900_000;

/** The headers that keep a description and a mark. */
export function objectHeaders(
  description: SentDescription,
  mark: WriteMark,
  traits: ProviderTraits,
): Headers {
  const { contentType, filename, metadata, keptHeaders } = description;
  const given = givenDisposition(description.contentDisposition, contentType);
  const made = madeDisposition(contentType, filename === undefined ? undefined : oneLine(filename));
  const isExact = given === undefined && (made === undefined || nameInDisposition(made) === filename);
  const kept = {
    metadata,
    mark,
    filename: isExact ? undefined : filename,
    ownDisposition: given !== undefined,
  };
  const headers = metadataHeaders(kept, traits);
  headers["content-type"] = contentType;
  for (const name of contentFieldNames) {
    const value = description[name];
    if (value !== undefined) headers[contentHeaders[name]] = value;
  }
  const disposition = given ?? made;
  if (disposition !== undefined) headers["content-disposition"] = disposition;
  if (keptHeaders === undefined) return headers;
  const keptDisposition = givenDisposition(keptHeaders["content-disposition"], contentType);
  return Object.assign(headers, keptHeaders, keptDisposition && { "content-disposition": keptDisposition });
}

/** What the headers of an answer tell of an object; a size that they do not tell is unknown. */
export function statOf(
  key: Key,
  headers: S3Response["headers"],
): Omit<ObjectStat, "size"> & { readonly size: number | undefined } {
  const kept = keptMetadata(headers);
  const { metadata, mark } = kept;
  return {
    key,
    size: sizeOf(headers),
    contentType: headers["content-type"] ?? "application/octet-stream",
    etag: formatVersion({ etag: requiredEtag(headers.etag), writeId: mark?.id }),
    lastModified: timeOf(headers, mark),
    filename: filenameOf(headers, kept),
    metadata,
    checksum: mark?.checksum,
    ...contentFieldsOf(headers, kept),
  };
}

/** A disposition that the kit made of the file name is not told; services store the word for the way of sending. */
function contentFieldsOf(
  headers: S3Response["headers"],
  { mark, ownDisposition }: KeptMetadata,
): ContentFields {
  const fields = storedContentFields((header) => headers[header]);
  return mark === undefined || ownDisposition ? fields : { ...fields, contentDisposition: undefined };
}

/** Signatures count blanks in a row as one. */
function oneLine(filename: string): string {
  return filename.replace(/\s+/g, " ");
}

/** `undefined` where an answer in chunks tells none, or a range has `*` for its total (RFC 9110 §14.4). */
function sizeOf(headers: S3Response["headers"]): number | undefined {
  const range = headers["content-range"];
  const text = range === undefined ? headers["content-length"] : range.split("/").at(-1);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An answer to a write has no time, so that the time of the mark goes before that of the service. */
function timeOf(headers: S3Response["headers"], mark: WriteMark | undefined): Date {
  const modified = new Date(headers["last-modified"] ?? 0);
  const time = mark?.time;
  return time !== undefined && Math.abs(+time - +modified) <= maxSkewMs ? time : modified;
}

function filenameOf(headers: S3Response["headers"], kept: KeptMetadata): string | undefined {
  const { filename, ownDisposition } = kept;
  const disposition = ownDisposition ? undefined : headers["content-disposition"];
  return storedFilename(filename ?? (disposition === undefined ? undefined : nameInDisposition(disposition)));
}
