import type { BlobHTTPHeaders } from "@azure/storage-blob";
import { contentDisposition } from "../../content/content-disposition.js";
import type { ObjectDescription } from "../../contract/backend.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import { type Metadata, storedFilename, storedMetadata } from "../../contract/metadata.js";
import { refusal } from "./azure-error.js";
import { decodeName, encodeName, ownStart } from "./metadata-name.js";
import { decodeValue, encodeValue } from "./metadata-value.js";

const checksumName = `${ownStart}crc32`;
const filenameName = `${ownStart}filename`;
/** Of all names and values together, as the service counts them. */
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
}

/**
 * How an object is described to the service.
 *
 * @throws AzureError `invalid_argument` where it would not take that much.
 */
export function sentDescription(
  { contentType, filename, metadata }: ObjectDescription,
  checksum: Checksum | undefined,
): SentDescription {
  const pairs = Object.entries(metadata).map(
    ([name, value]) => [encodeName(name), encodeValue(value)] as const,
  );
  const kept = {
    ...Object.fromEntries(pairs),
    ...(checksum !== undefined && { [checksumName]: checksum.slice("crc32:".length) }),
    ...(filename !== undefined && { [filenameName]: encodeValue(filename) }),
  };
  const bytes = Object.entries(kept).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > maxKeptBytes) {
    const explanation = `metadata, as it is sent, is ${bytes} bytes; the service takes ${maxKeptBytes}`;
    throw refusal("invalid_argument", explanation);
  }
  const blobHTTPHeaders = {
    blobContentType: contentType,
    ...(filename !== undefined && { blobContentDisposition: contentDisposition("inline", filename) }),
  };
  return { blobHTTPHeaders, metadata: kept };
}

/** What the metadata of a blob means, whoever wrote it. */
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
  };
}
