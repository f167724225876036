import { hasBinaryByte } from "./binary-byte.js";

/** The type of an object whose type is not known (RFC 2046 §4.5.1). */
export const unknownContentType = "application/octet-stream";

/** How many leading bytes {@link sniffContentType} looks at. */
export const sniffBytes = 512;

const mediaType =
  /^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}(?: *; *[a-z0-9!#$&^_.+-]+=(?:[a-z0-9!#$&^_.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/i;

/** Types that are in use are few; to look one up takes a fraction of the time that reading it does. */
const seenTypes = new Set<string>();
const maxSeenTypes = 200;

/** True for a media type with optional parameters (RFC 9110 §8.3.1), at most 255 characters, nothing that could split a header. */
export function isContentType(raw: unknown): raw is string {
  if (typeof raw !== "string" || raw.length > 255) return false;
  if (seenTypes.has(raw)) return true;
  if (!mediaType.test(raw)) return false;
  if (seenTypes.size < maxSeenTypes) seenTypes.add(raw);
  return true;
}

interface Signature {
  readonly type: string;
  readonly bytes: Buffer;
  /** Text could begin like this, too. */
  readonly isWord: boolean;
}

/** Stands for any byte in a signature. */
const anyByte = "?".charCodeAt(0);

/** Fewest letters that text would hardly begin with by chance. */
const fewestLetters = 4;

/** Formats that say what they are at a fixed place (WHATWG MIME Sniffing §6; ISO 32000 for PDF; PKWARE APPNOTE for zip). */
const signatures: readonly Signature[] = [
  signature("image/png", "\x89PNG\r\n\x1a\n"),
  signature("image/jpeg", "\xff\xd8\xff"),
  signature("image/gif", "GIF87a"),
  signature("image/gif", "GIF89a"),
  signature("image/webp", "RIFF????WEBP"),
  signature("audio/wav", "RIFF????WAVE"),
  signature("video/avi", "RIFF????AVI "),
  signature("image/avif", "????ftypavif"),
  signature("image/heic", "????ftypheic"),
  signature("video/quicktime", "????ftypqt"),
  signature("audio/mp4", "????ftypM4A"),
  signature("video/mp4", "????ftyp"),
  signature("video/webm", "\x1a\x45\xdf\xa3"),
  signature("image/bmp", "BM"),
  signature("image/tiff", "II*\0"),
  signature("image/tiff", "MM\0*"),
  signature("image/x-icon", "\0\0\x01\0"),
  signature("audio/mpeg", "ID3"),
  signature("audio/mpeg", "\xff\xfb"),
  signature("audio/flac", "fLaC"),
  signature("audio/ogg", "OggS"),
  signature("application/pdf", "%PDF-"),
  signature("application/zip", "PK\x03\x04"),
  signature("application/gzip", "\x1f\x8b"),
  signature("application/zstd", "\x28\xb5\x2f\xfd"),
  signature("application/x-7z-compressed", "7z\xbc\xaf\x27\x1c"),
  signature("font/woff2", "wOF2"),
  signature("font/woff", "wOFF"),
  signature("application/wasm", "\0asm"),
];

/** Those that content can have, by its first byte: most content is told apart from most signatures by it. */
const byFirstByte: readonly (readonly Signature[])[] = Array.from({ length: 256 }, (_, first) =>
  signatures.filter(({ bytes: [own] }) => own === first || own === anyByte),
);

/** Types that bytes cannot tell apart, by the extension of the name. */
const typeOfExtension: ReadonlyMap<string, string> = new Map(
  Object.entries({
    css: "text/css; charset=utf-8",
    csv: "text/csv; charset=utf-8",
    doc: "application/msword",
    docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    epub: "application/epub+zip",
    htm: "text/html; charset=utf-8",
    html: "text/html; charset=utf-8",
    js: "text/javascript; charset=utf-8",
    json: "application/json",
    md: "text/markdown; charset=utf-8",
    mjs: "text/javascript; charset=utf-8",
    odt: "application/vnd.oasis.opendocument.text",
    pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    svg: "image/svg+xml",
    tar: "application/x-tar",
    txt: "text/plain; charset=utf-8",
    xls: "application/vnd.ms-excel",
    xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    xml: "application/xml",
    yaml: "application/yaml",
    yml: "application/yaml",
  }),
);

/** Containers whose content only the name tells apart: a `.docx` is a zip. */
const containers: ReadonlySet<string> = new Set(["application/zip"]);

/**
 * The content type of a file by its first bytes, and by its name where bytes do not say.
 *
 * @param head - the first {@link sniffBytes} bytes, or all of a smaller file.
 */
export function sniffContentType(head: Uint8Array, name: string): string {
  return contentTypeOf({ head, byBytes: typeBySignature(head), isBinary: hasBinaryByte(head) }, name);
}

/** First bytes that were looked at. */
export interface SniffedHead {
  readonly head: Uint8Array;
  /** By {@link typeBySignature}. */
  readonly byBytes: string | undefined;
  /** By `hasBinaryByte`. */
  readonly isBinary: boolean;
}

/** As {@link sniffContentType}, of bytes that were looked at already. */
export function contentTypeOf({ head, byBytes, isBinary }: SniffedHead, name: string): string {
  const byName = typeOfExtension.get(extensionOf(name));
  if (byBytes !== undefined) return containers.has(byBytes) ? (byName ?? byBytes) : byBytes;
  if (byName !== undefined && !(isBinary && isText(byName))) return byName;
  return head.byteLength > 0 && !isBinary ? "text/plain; charset=utf-8" : unknownContentType;
}

/** What the bytes at a fixed place tell; `undefined` where they are no signature. */
export function typeBySignature(head: Uint8Array): string | undefined {
  const possible = byFirstByte[head[0] ?? -1] ?? [];
  for (const each of possible) if (matches(head, each)) return each.type;
  return undefined;
}

function isText(byName: string): boolean {
  return byName.startsWith("text/") || (/json|xml|yaml/.test(byName) && !byName.includes("officedocument"));
}

function extensionOf(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  const dot = last.lastIndexOf(".");
  return dot > 0 ? last.slice(dot + 1).toLowerCase() : "";
}

function matches(head: Uint8Array, { bytes, isWord }: Signature): boolean {
  for (let index = 0; index < bytes.byteLength; index += 1) {
    if (bytes[index] !== anyByte && bytes[index] !== head[index]) return false;
  }
  return !isWord || hasBinaryByte(head);
}

function signature(type: string, latin1: string): Signature {
  const isWord = latin1.length < fewestLetters && /^[A-Z0-9]+$/.test(latin1);
  return { type, bytes: Buffer.from(latin1, "latin1"), isWord };
}
