import type { ObjectDescription } from "../contract/backend.js";
import { encodeText } from "../contract/percent-encoding.js";
import { isShownType } from "./shown-types.js";

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

/**
 * The `Content-Disposition` that a provider keeps: the caller's own, else one that is made of content type and file
 * name. A provider serves what it keeps under an origin of its own, where HTML would run: it must be an attachment.
 */
export function keptDisposition({
  contentDisposition: given,
  contentType,
  filename,
}: Pick<ObjectDescription, "contentDisposition" | "contentType" | "filename">): string | undefined {
  return givenDisposition(given, contentType) ?? madeDisposition(contentType, filename);
}

/** What a provider keeps of the caller's own `Content-Disposition`: a type that browsers may run is never shown. */
export function givenDisposition(given: string | undefined, contentType: string): string | undefined {
  if (given === undefined || isShownType(contentType) || /^attachment\s*(?:;|$)/i.test(given)) return given;
  return given.replace(/^[^;]*/, "attachment");
}

/** The `Content-Disposition` for a content type and a file name; `undefined` where nothing has to be said. */
export function madeDisposition(contentType: string, filename: string | undefined): string | undefined {
  const kind = isShownType(contentType) ? "inline" : "attachment";
  if (filename !== undefined) return contentDisposition(kind, filename);
  return kind === "inline" ? undefined : kind;
}

/**
 * The `Content-Disposition` that a signed upload must bring, or none: content of a type that a browser would run must not be
 * stored so that the provider shows it.
 */
export function uploadDisposition(contentType: string | undefined): string | undefined {
  return contentType === undefined ? undefined : madeDisposition(contentType, undefined);
}

/** Whether a stored `Content-Disposition` can be the one of {@link madeDisposition}: then it is not the caller's own. */
export function isMadeDisposition(
  disposition: string | undefined,
  contentType: string,
  filename: string | undefined,
): boolean {
  return filename !== undefined || (disposition === "attachment" && !isShownType(contentType));
}

/**
 * The `Content-Disposition` that a signed URL asks for; `undefined` leaves the stored one, which is safe for the
 * stored type. Only `download` may be overridden with a name alone: the type that is stored is not known.
 */
export function signedDisposition({
  download,
  filename,
}: {
  readonly download: boolean;
  readonly filename: string | undefined;
}): string | undefined {
  if (filename !== undefined) return contentDisposition("attachment", filename);
  return download ? "attachment" : undefined;
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

/** RFC 8187 §3.2.1: an extended value may hold one more character than the unreserved ones. */
function encodeExtended(name: string): string {
  return encodeText(name).replaceAll("%21", "!");
}
