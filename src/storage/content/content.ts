import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { InvalidArgumentError, type StorageError } from "../contract/error.js";
import { failureOf, type MadeCall } from "../failure.js";
import { BufferedBody, type ContentBody, type ContentRules, StreamBody } from "./body.js";

/**
 * What can be stored: text (as UTF-8), bytes, a `Blob` or `File`, a web or Node stream, or any async iterable of
 * these pieces.
 */
export type Content = string | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array | string>;

/** A body of the content, whose rules have not been checked. */
export function toBody(content: Content, rules: ContentRules): ContentBody {
  if (typeof content === "string") return new BufferedBody(Buffer.from(content, "utf8"), rules);
  if (content instanceof Uint8Array) return new BufferedBody(content, rules);
  if (content instanceof ArrayBuffer) return new BufferedBody(new Uint8Array(content), rules);
  if (content instanceof Blob)
    return new StreamBody(content.stream(), { ...rules, size: rules.size ?? content.size });
  if (isAsyncIterable(content)) return new StreamBody(unread(content), rules);
  throw new InvalidArgumentError({ message: "content must be text, bytes, a Blob or a stream" });
}

/**
 * A stream of which something was read already has lost that, and would be stored as if it were whole.
 *
 * @throws InvalidArgumentError as `fetch` refuses a body that is disturbed or locked (Fetch standard §5.2).
 */
function unread<T extends AsyncIterable<unknown>>(source: T): T {
  const isLocked = source instanceof ReadableStream && source.locked;
  if (!isLocked && !isDisturbed(source)) return source;
  throw new InvalidArgumentError({ message: "content is a stream that was read already, or is being read" });
}

function isDisturbed(source: AsyncIterable<unknown>): boolean {
  if (source instanceof Readable) return source.readableDidRead;
  // What Node declares of it knows Node's own streams only.
  return source instanceof ReadableStream && Readable.isDisturbed(source as unknown as Readable);
}

/**
 * Releases content that was not stored: a source that is not read to its end must not stay open. Resolves to the
 * error that leaves the call: that of the call, or that of the release.
 */
export async function discardAfterError(
  body: ContentBody | undefined,
  error: unknown,
  call: MadeCall,
): Promise<StorageError> {
  let failure = error;
  try {
    await body?.discard();
  } catch (worse) {
    failure = worse;
  }
  return failureOf(failure, call);
}

function isAsyncIterable(content: unknown): content is AsyncIterable<unknown> {
  return typeof content === "object" && content !== null && Symbol.asyncIterator in content;
}
