import { checkContentType } from "../arguments.js";
import { unlessAborted } from "../contract/abortable.js";
import type { ObjectDescription } from "../contract/backend.js";
import { parseContentFields } from "../contract/description.js";
import { parseFilename, parseMetadata, storedFilename } from "../contract/metadata.js";
import type { DescribeOptions } from "../options.js";
import type { ContentBody } from "./body.js";
import type { Content } from "./content.js";
import { isContentType, sniffBytes, sniffContentType } from "./content-type.js";

/** A description whose type may be left to the content. */
export type GivenDescription = Omit<ObjectDescription, "contentType"> & {
  readonly contentType: string | undefined;
};

/** Checks what the caller says of an object. What is not said, a `File` or `Blob` says itself. */
export function checkDescription(options: DescribeOptions, content?: Content): GivenDescription {
  const blob = isBlob(content) ? content : undefined;
  const fields = parseContentFields(options);
  return {
    contentType: checkContentType(options.contentType) ?? typeOf(blob),
    filename: parseFilename(options.filename) ?? nameOf(blob),
    metadata: parseMetadata(options.metadata),
    cacheControl: fields.cacheControl,
    contentEncoding: fields.contentEncoding,
    contentDisposition: fields.contentDisposition,
    contentLanguage: fields.contentLanguage,
  };
}

/** Bytes and text, which come by the thousand, are told apart first. */
function isBlob(content: Content | undefined): content is Blob {
  return typeof content === "object" && !(content instanceof Uint8Array) && content instanceof Blob;
}

/** A name that cannot be kept is left out: the caller did not give it. */
function nameOf(blob: Blob | undefined): string | undefined {
  return blob instanceof File && blob.name !== "" ? storedFilename(blob.name) : undefined;
}

function typeOf(blob: Blob | undefined): string | undefined {
  return blob !== undefined && isContentType(blob.type) ? blob.type : undefined;
}

/** The content type where the caller gave none, told by the first bytes and the name. */
export async function sniffedType(
  body: ContentBody | undefined,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const head = body === undefined ? new Uint8Array() : await headOf(body, signal);
  return sniffContentType(head, name);
}

/** A source may hang before its first byte. */
function headOf(body: ContentBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return unlessAborted(() => body.head(sniffBytes), signal);
}
