import { BufferedBody, type ContentRules, StreamBody } from "./body.js";
import { InvalidArgumentError } from "./error.js";

/** What can be stored: text (as UTF-8), bytes, a `Blob` or `File`, a web or Node stream, or any async iterable of these pieces. */
export type Content = string | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array | string>;

/** Lends `use` a body of the content; a source that is not read to its end is let go of. */
export async function withBody<T>(
  content: Content,
  rules: ContentRules,
  use: (body: BufferedBody | StreamBody) => Promise<T>,
): Promise<T> {
  const body = toBody(content, rules);
  try {
    body.admit();
    return await use(body);
  } catch (error) {
    await body.discard();
    throw error;
  }
}

function toBody(content: Content, rules: ContentRules): BufferedBody | StreamBody {
  if (typeof content === "string") return new BufferedBody(Buffer.from(content, "utf8"), rules);
  if (content instanceof Uint8Array) return new BufferedBody(content, rules);
  if (content instanceof ArrayBuffer) return new BufferedBody(new Uint8Array(content), rules);
  if (content instanceof Blob)
    return new StreamBody(content.stream(), { ...rules, size: rules.size ?? content.size });
  if (isAsyncIterable(content)) return new StreamBody(content, rules);
  throw new InvalidArgumentError({ message: "content must be text, bytes, a Blob or a stream" });
}

function isAsyncIterable(content: unknown): content is AsyncIterable<unknown> {
  return typeof content === "object" && content !== null && Symbol.asyncIterator in content;
}
