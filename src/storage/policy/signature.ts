import { hasBinaryByte } from "../content/binary-byte.js";
import { type SniffedHead, typeBySignature } from "../content/content-type.js";
import { StorageConfigurationError } from "../contract/error.js";
import { namesOf } from "./media-type.js";
import { isUtf16 } from "./text.js";

type Sniffer = typeof import("file-type");

/** Result of sniffing the first bytes. */
export interface Signature extends SniffedHead {
  /** `undefined` where they tell none. */
  readonly type: string | undefined;
  readonly isText: boolean;
}

/** Name of the import; it must be a variable so that bundlers do not inline a second copy. */
const sniffer: string = "file-type";
/** Loaded when the first content is decided: a storage without such a policy does not need it. */
let loading: Promise<Sniffer> | undefined;
let loaded: Sniffer | undefined;
/** What the sniffer knows, by all its names. */
let signedTypes: ReadonlySet<string> = new Set();

/** Formats that a few bytes at a fixed place tell beyond doubt: the sniffer would take many times as long. */
const frequentTypes: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/webp",
  "application/pdf",
]);

/** Formats that are text; what else is text throughout only begins like its format, as a table with the column `BM`. */
const textFormats: ReadonlySet<string> = new Set([
  "application/pdf",
  "application/postscript",
  "application/eps",
  "application/rtf",
  "text/calendar",
  "text/vcard",
  "text/vtt",
]);

/** What these begin with, and a byte order mark: other text needs no sniffer. */
const startsOfFormats = [
  "%PDF",
  "%!",
  "{\\rtf",
  "BEGIN:",
  "WEBVTT",
  "\xef\xbb\xbf",
  "\xfe\xff",
  "\xff\xfe",
].map((each) => Buffer.from(each, "latin1"));

/** Their first bytes: most text begins with another one. */
const firstOfFormats: ReadonlySet<number | undefined> = new Set(startsOfFormats.map(([first]) => first));

/**
 * What the first bytes tell, at most 16 KiB of them. It is waited for only where the sniffer has to look, or to be loaded.
 *
 * A format that makes the sniffer fail has no signature: it is then decided like content without one.
 */
export function signatureOf(head: Uint8Array): Signature | Promise<Signature> {
  const byBytes = typeBySignature(head);
  if (byBytes !== undefined && frequentTypes.has(byBytes)) {
    return { head, byBytes, isBinary: true, type: byBytes, isText: false };
  }
  const isBinary = hasBinaryByte(head);
  const isText = !isBinary || isUtf16(head);
  const sniffed = { head, byBytes, isBinary, isText };
  if (!isText || beginsLikeFormat(head)) return sniff(sniffed);
  const unsigned = { ...sniffed, type: undefined };
  return loaded === undefined ? loadSignatures().then(() => unsigned) : unsigned;
}

function beginsLikeFormat(head: Uint8Array): boolean {
  return (
    firstOfFormats.has(head[0]) &&
    startsOfFormats.some((start) => start.every((byte, index) => head[index] === byte))
  );
}

async function sniff(sniffed: Omit<Signature, "type">): Promise<Signature> {
  const { head, isText } = sniffed;
  const { fileTypeFromBuffer } = await loadSignatures();
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const isFound = found !== undefined && (textFormats.has(found.mime) || !isText);
  return { ...sniffed, type: isFound ? found.mime : undefined };
}

/** Makes known which types have a signature. @throws StorageConfigurationError without the sniffer's package. */
export async function loadSignatures(): Promise<Sniffer> {
  loading ??= loadSniffer();
  loaded = await loading;
  return loaded;
}

/**
 * Whether content of a type has a signature, so that content without one is of another type. Call it behind {@link
 * signatureOf} or {@link loadSignatures}.
 */
export function isSignedType(essence: string): boolean {
  return signedTypes.has(essence);
}

async function loadSniffer(): Promise<Sniffer> {
  try {
    const found: Sniffer = await import(sniffer);
    signedTypes = new Set([...found.supportedMimeTypes].flatMap((type) => [...namesOf(type)]));
    return found;
  } catch (cause) {
    const message = `to tell types by content the package '${sniffer}' must be beside the application: npm install ${sniffer}`;
    throw new StorageConfigurationError({ message, cause });
  }
}
