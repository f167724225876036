import { checkContentType } from "./arguments.js";
import type { ObjectDescription } from "./backend.js";
import type { BufferedBody, StreamBody } from "./body.js";
import { sniffBytes, sniffContentType } from "./content-type.js";
import type { Key } from "./key.js";
import { parseFilename, parseMetadata } from "./metadata.js";
import type { DescribeOptions } from "./options.js";

/** Checks what the caller says of an object; a type that was not given is read off the content and its name. */
export async function describe(
  key: Key,
  body: BufferedBody | StreamBody | undefined,
  options: DescribeOptions,
): Promise<ObjectDescription> {
  const filename = parseFilename(options.filename);
  const metadata = parseMetadata(options.metadata);
  const given = checkContentType(options.contentType);
  if (given !== undefined) return { contentType: given, filename, metadata };
  const head = (await body?.head(sniffBytes)) ?? new Uint8Array();
  return { contentType: sniffContentType(head, filename ?? key), filename, metadata };
}
