/** Types of text that are not below `text/`. */
const textual =
  /^(?:text\/.+|application\/(?:json|ld\+json|x-ndjson|jsonl|yaml|x-yaml|toml|sql|xml|javascript|ecmascript)|.+\/.+\+(?:json|xml|yaml))$/;

/** Whether content of a type is text. */
export function isTextual(essence: string): boolean {
  return textual.test(essence);
}

/** Whether content says that it is text in UTF-16, in which bytes stand that other text never has. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe);
}
