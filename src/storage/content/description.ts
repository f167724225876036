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
  return {
    filename: parseFilename(options.filename) ?? nameOf(content),
    metadata: parseMetadata(options.metadata),
    contentType: checkContentType(options.contentType) ?? typeOf(content),
    ...parseContentFields(options),
  };
}

/** A name that cannot be kept is left out: the caller did not give it. */
function nameOf(content: Content | undefined): string | undefined {
  return content instanceof File && content.name !== "" ? storedFilename(content.name) : undefined;
}

function typeOf(content: Content | undefined): string | undefined {
  return content instanceof Blob && isContentType(content.type) ? content.type : undefined;
}

/** The type that nobody gave, read off the content and its name. */
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
