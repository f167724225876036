/** What text is that begins like markup. */
export type MarkupType = "text/html" | "image/svg+xml" | "application/xml";

/**
 * The type of content that begins like HTML, SVG or XML, under any name; `undefined` for any other.
 *
 * @param isCalledXml - whether its sender calls it XML, which may begin without a declaration (XML 1.0 §2.8).
 */
export function markupOf(head: Uint8Array, isCalledXml = false): MarkupType | undefined {
  if (!mayBeMarkup(head)) return undefined;
  const text = startOf(head).trimStart();
  if (!/^<[a-z!?/]/i.test(text)) return undefined;
  const isXml = isCalledXml || /^<\?xml/i.test(text);
  const { doctype, rest } = behindProlog(text);
  const root = /^<(?:[a-z0-9_-]+:)?([a-z0-9_-]+)/i.exec(rest)?.[1]?.toLowerCase();
  if (root === "svg" || doctype === "svg") return "image/svg+xml";
  return isXml && root !== "html" && doctype !== "html" ? "application/xml" : "text/html";
}

/** Whether the first character can be `<`, white space or a byte order mark: of most content it cannot, which saves decoding. */
function mayBeMarkup([first = 0, second = 0]: Uint8Array): boolean {
  if (first === 0xff || first === 0xfe) return second === 0xff || second === 0xfe;
  return first <= 0x20 || first === 0x3c || firstOfSpaces.has(first);
}

/** First bytes in UTF-8 of white space beyond ASCII, and of the byte order mark. */
const firstOfSpaces: ReadonlySet<number> = new Set([0xc2, 0xe1, 0xe2, 0xe3, 0xef]);

/** The content as text in the encoding that its first bytes tell (WHATWG Encoding §6). */
function startOf(head: Uint8Array): string {
  const [first, second] = head;
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(head);
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(head);
  return new TextDecoder("utf-8").decode(head);
}

/** What may stand before the root element. A document type may hold declarations of its own in brackets. */
const prologParts = [
  { start: /^<!--/, end: /-->/ },
  { start: /^<\?/, end: /\?>/ },
  { start: /^<![^>[]*\[/, end: /\]\s*>/ },
  { start: /^<!/, end: />/ },
] as const;

/** What follows declarations, instructions and comments, and the name of the document type. */
function behindProlog(text: string): { readonly doctype: string | undefined; readonly rest: string } {
  let doctype: string | undefined;
  let rest = text;
  for (;;) {
    const part = prologParts.find(({ start }) => start.test(rest));
    if (part === undefined) return { doctype, rest };
    doctype ??= /^<!doctype\s+(?:[a-z0-9_-]+:)?([a-z0-9_-]+)/i.exec(rest)?.[1]?.toLowerCase();
    const end = part.end.exec(rest);
    if (end === null) return { doctype, rest: "" };
    rest = rest.slice(end.index + end[0].length).trimStart();
  }
}
