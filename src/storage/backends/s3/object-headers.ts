import { contentDisposition } from "../../content/content-disposition.js";
import type { ObjectStat } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { storedFilename } from "../../contract/metadata.js";
import { nameInDisposition } from "./disposition-name.js";
import type { S3Response } from "./exchange.js";
import type { SentDescription } from "./kept-headers.js";
import { type KeptMetadata, keptMetadata, metadataHeaders } from "./metadata-headers.js";
import type { ProviderTraits } from "./providers.js";
import type { Headers } from "./sigv4.js";
import { bareEtag, formatVersion } from "./version.js";
import type { WriteMark } from "./write-mark.js";

/** Milliseconds that the time of a mark may differ from the service's; further off, the object was copied by others. */
const maxSkewMs = 900_000;

/** The headers that keep a description and a mark. */
export function objectHeaders(
  { contentType, filename, metadata, keptHeaders }: SentDescription,
  mark: WriteMark,
  traits: ProviderTraits,
): Headers {
  const disposition = filename === undefined ? undefined : contentDisposition("inline", oneLine(filename));
  const isExact = disposition === undefined || nameInDisposition(disposition) === filename;
  const headers = metadataHeaders({ metadata, mark, filename: isExact ? undefined : filename }, traits);
  headers["content-type"] = contentType;
  if (disposition !== undefined) headers["content-disposition"] = disposition;
  return keptHeaders === undefined ? headers : Object.assign(headers, keptHeaders);
}

/** What the headers of an answer tell of an object. */
export function statOf(key: Key, headers: S3Response["headers"]): ObjectStat {
  const kept = keptMetadata(headers);
  const { metadata, mark } = kept;
  return {
    key,
    size: sizeOf(headers),
    contentType: headers["content-type"] ?? "application/octet-stream",
    etag: formatVersion({ etag: bareEtag(headers.etag), writeId: mark?.id }),
    lastModified: timeOf(headers, mark),
    filename: filenameOf(headers, kept),
    metadata,
    checksum: mark?.checksum,
  };
}

/** Signatures count blanks in a row as one. */
function oneLine(filename: string): string {
  return filename.replace(/\s+/g, " ");
}

function sizeOf(headers: S3Response["headers"]): number {
  const total = headers["content-range"]?.split("/").at(-1);
  return Number(total ?? headers["content-length"] ?? 0);
}

/** An answer to a write has no time, so that the time of the mark goes before that of the service. */
function timeOf(headers: S3Response["headers"], mark: WriteMark | undefined): Date {
  const modified = new Date(headers["last-modified"] ?? 0);
  const time = mark?.time;
  return time !== undefined && Math.abs(+time - +modified) <= maxSkewMs ? time : modified;
}

function filenameOf(headers: S3Response["headers"], { filename }: KeptMetadata): string | undefined {
  const disposition = headers["content-disposition"];
  return storedFilename(filename ?? (disposition === undefined ? undefined : nameInDisposition(disposition)));
}
