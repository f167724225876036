import { unlessAborted } from "./abortable.js";
import { checkContentType } from "./arguments.js";
import type { ObjectDescription } from "./backend.js";
import type { BufferedBody, StreamBody } from "./body.js";
import { sniffBytes, sniffContentType } from "./content-type.js";
import type { Key } from "./key.js";
import { parseFilename, parseMetadata } from "./metadata.js";
import type { DescribeOptions, SignalOption } from "./options.js";

/** Checks what the caller says of an object; a type that was not given is read off the content and its name. */
export async function describe(
  key: Key,
  body: BufferedBody | StreamBody | undefined,
  options: DescribeOptions & SignalOption,
): Promise<ObjectDescription> {
  const filename = parseFilename(options.filename);
  const metadata = parseMetadata(options.metadata);
  const given = checkContentType(options.contentType);
  if (given !== undefined) return { contentType: given, filename, metadata };
  const head = body === undefined ? new Uint8Array() : await headOf(body, options.signal);
  return { contentType: sniffContentType(head, filename ?? key), filename, metadata };
}

/** A source may hang before its first byte. */
function headOf(body: BufferedBody | StreamBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return unlessAborted(() => body.head(sniffBytes), signal);
}
