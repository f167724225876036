import type { BlobHTTPHeaders } from "@azure/storage-blob";
import { keptDisposition } from "../../content/content-disposition.js";
import type { ObjectDescription } from "../../contract/backend.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import { type Metadata, storedFilename, storedMetadata } from "../../contract/metadata.js";
import { refusal } from "../../contract/service-error.js";
import { decodeName, encodeName, ownStart } from "./metadata-name.js";
import { decodeValue, encodeValue } from "./metadata-value.js";

const checksumName = `${ownStart}crc32`;
const filenameName = `${ownStart}filename`;
/** Says that the disposition is the caller's own, and not the one that is made of the file name. */
const ownDispositionName = `${ownStart}disposition`;
/** The limit of all names and values together, as the service counts them. */
const maxKeptBytes = 8192;

/** What is sent beside the bytes. */
export interface SentDescription {
  readonly blobHTTPHeaders: BlobHTTPHeaders;
  readonly metadata: Record<string, string>;
}

/** What is kept as metadata. */
export interface KeptMetadata {
  readonly metadata: Metadata;
  readonly filename: string | undefined;
  readonly checksum: Checksum | undefined;
  /** Whether the `Content-Disposition` is the caller's own. */
  readonly isDispositionOwn: boolean;
}

/**
 * How an object is described to the service.
 *
 * @throws ServiceError `invalid_argument` where it would not take that much.
 */
export function sentDescription(
  description: ObjectDescription,
  checksum: Checksum | undefined,
): SentDescription {
  const { filename, metadata } = description;
  const pairs = Object.entries(metadata).map(
    ([name, value]) => [encodeName(name), encodeValue(value)] as const,
  );
  const kept = {
    ...Object.fromEntries(pairs),
    ...(checksum !== undefined && { [checksumName]: checksum.slice("crc32:".length) }),
    ...(filename !== undefined && { [filenameName]: encodeValue(filename) }),
    ...(description.contentDisposition !== undefined && { [ownDispositionName]: "1" }),
  };
  const bytes = Object.entries(kept).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > maxKeptBytes) {
    const explanation = `metadata, as it is sent, is ${bytes} bytes; the service takes ${maxKeptBytes}`;
    throw refusal("invalid_argument", explanation);
  }
  return { blobHTTPHeaders: blobHeaders(description), metadata: kept };
}

function blobHeaders(description: ObjectDescription): BlobHTTPHeaders {
  const { contentType, cacheControl, contentEncoding, contentLanguage } = description;
  const disposition = keptDisposition(description);
  return {
    blobContentType: contentType,
    ...(disposition !== undefined && { blobContentDisposition: disposition }),
    ...(cacheControl !== undefined && { blobCacheControl: cacheControl }),
    ...(contentEncoding !== undefined && { blobContentEncoding: contentEncoding }),
    ...(contentLanguage !== undefined && { blobContentLanguage: contentLanguage }),
  };
}

/** What the metadata of a blob means, also of one that another tool wrote. */
export function keptMetadata(raw: Readonly<Record<string, string>> = {}): KeptMetadata {
  const pairs: [string, string][] = [];
  for (const [given, value] of Object.entries(raw)) {
    const name = decodeName(given.toLowerCase());
    if (name !== undefined) pairs.push([name, decodeValue(value)]);
  }
  const checksum = `crc32:${raw[checksumName]}`;
  const filename = raw[filenameName];
  return {
    metadata: storedMetadata(pairs),
    filename: storedFilename(filename === undefined ? undefined : decodeValue(filename)),
    checksum: isChecksum(checksum) ? checksum : undefined,
    isDispositionOwn: raw[ownDispositionName] !== undefined,
  };
}
