import { hasBinaryByte } from "../content/binary-byte.js";

/** Types of text that are not below `text/`. */
const textual =
  /^(?:text\/.+|application\/(?:json|ld\+json|x-ndjson|jsonl|yaml|x-yaml|toml|sql|xml|javascript|ecmascript)|.+\/.+\+(?:json|xml|yaml))$/;

/** Whether content of a type is text. */
export function isTextual(essence: string): boolean {
  return textual.test(essence);
}

/** True when no byte stands there that never occurs in text (WHATWG MIME Sniffing §3), or for UTF-16 that says so. */
export function looksLikeText(head: Uint8Array): boolean {
  const [first, second] = head;
  const isUtf16 = (first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe);
  return isUtf16 || !hasBinaryByte(head);
}
