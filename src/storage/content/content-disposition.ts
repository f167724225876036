import type { ObjectDescription } from "../contract/backend.js";

const longestName = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out here
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Characters that every browser reads alike inside quotes; `%` could be taken for an escape (RFC 6266 App. D). */
const plain = /^[A-Za-z0-9 !#$&'()+,.;=@[\]^_`{}~-]*$/;

/**
 * The `Content-Disposition` of a download (RFC 6266 §4): an ASCII name for old clients, and the whole name
 * by RFC 8187 where they differ. Path parts, control and direction characters are dropped from the name.
 */
export function contentDisposition(kind: "inline" | "attachment", filename: string): string {
  const name = cleanName(filename);
  if (plain.test(name)) return `${kind}; filename="${name}"`;
  return `${kind}; filename="${asciiName(name)}"; filename*=UTF-8''${encodeExtended(name)}`;
}

/** The `Content-Disposition` that a provider keeps: the caller's own, else one made of the file name, else none. */
export function keptDisposition({
  contentDisposition: given,
  filename,
}: Pick<ObjectDescription, "contentDisposition" | "filename">): string | undefined {
  return given ?? (filename === undefined ? undefined : contentDisposition("inline", filename));
}

function cleanName(filename: string): string {
  const last = filename.split(/[/\\]/).at(-1) ?? "";
  const name = shorten(last.toWellFormed().replace(unprintable, ""));
  return name === "" ? "file" : name;
}

/** Cuts between characters and keeps the extension. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= longestName) return name;
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && name.length - dot <= 20 ? name.slice(dot) : "";
  let room = longestName - Buffer.byteLength(extension);
  let start = "";
  for (const character of name) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    start += character;
  }
  return start + extension;
}

function asciiName(name: string): string {
  return name
    .replace(/[^\x20-\x7e]+/g, "_")
    .replace(/%/g, "_")
    .replace(/["\\]/g, "\\$&");
}

/** RFC 8187 §3.2.1: `encodeURIComponent` leaves five characters that an extended value may not hold. */
function encodeExtended(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
