import { checkContentType } from "../arguments.js";
import { unlessAborted } from "../contract/abortable.js";
import type { ObjectDescription } from "../contract/backend.js";
import { parseFilename, parseMetadata } from "../contract/metadata.js";
import type { DescribeOptions } from "../options.js";
import type { ContentBody } from "./body.js";
import { sniffBytes, sniffContentType } from "./content-type.js";

/** A description whose type may be left to the content. */
export type GivenDescription = Omit<ObjectDescription, "contentType"> & {
  readonly contentType: string | undefined;
};

/** Checks what the caller says of an object. */
export function checkDescription(options: DescribeOptions): GivenDescription {
  return {
    filename: parseFilename(options.filename),
    metadata: parseMetadata(options.metadata),
    contentType: checkContentType(options.contentType),
  };
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
