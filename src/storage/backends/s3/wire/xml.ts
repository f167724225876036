/**
 * What S3 answers in XML is flat and made by programs, so it is read by searching for tags. Every value is text:
 * a key `007` stays what it is.
 */

/** The text of the first `<tag>`, decoded; `undefined` where there is none. */
export function textOf(xml: string, tag: string, from = 0): string | undefined {
  const open = `<${tag}>`;
  const start = xml.indexOf(open, from);
  if (start < 0) return undefined;
  const end = xml.indexOf(`</${tag}>`, start);
  return end < 0 ? undefined : decodeEntities(xml.slice(start + open.length, end));
}

/** What is inside each `<tag>`, in order. */
export function* blocksOf(xml: string, tag: string): Generator<string> {
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  let at = xml.indexOf(open);
  while (at >= 0) {
    const start = at + open.length;
    const end = xml.indexOf(close, start);
    if (end < 0) return;
    yield xml.slice(start, end);
    at = xml.indexOf(open, end + close.length);
  }
}

/** The name of the outermost element. */
export function rootOf(xml: string): string | undefined {
  return /^(?:\s|<\?[^>]*\?>)*<([A-Za-z]+)/.exec(xml)?.[1];
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The text, with its entities replaced (XML 1.0 §4.6). */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|(amp|lt|gt|quot|apos));/gi, decodeEntity);
}

function decodeEntity(entity: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return named[name.toLowerCase()] ?? entity;
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
}

/** The text as the content of an element. */
export function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
