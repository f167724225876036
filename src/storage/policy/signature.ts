import { typeBySignature } from "../content/content-type.js";
import { StorageConfigurationError } from "../contract/error.js";
import { namesOf } from "./media-type.js";
import { looksLikeText } from "./text.js";

type Sniffer = typeof import("file-type");

/** Result of sniffing the first bytes. */
export interface Signature {
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

/** First characters of these, and of a byte order mark: other text needs no sniffer. */
const firstOfFormats: ReadonlySet<number | undefined> = new Set(
  [..."%{BW\xef\xfe\xff"].map((each) => each.charCodeAt(0)),
);

/**
 * What the first bytes tell, at most 16 KiB of them. It is waited for only where the sniffer has to look.
 *
 * A format that makes the sniffer fail has no signature: it is then decided like content without one.
 */
export function signatureOf(head: Uint8Array): Signature | Promise<Signature> {
  const frequent = typeBySignature(head);
  if (frequent !== undefined && frequentTypes.has(frequent)) return { type: frequent, isText: false };
  const isText = looksLikeText(head);
  if (isText && loaded !== undefined && !firstOfFormats.has(head[0])) return { type: undefined, isText };
  return sniff(head, isText);
}

async function sniff(head: Uint8Array, isText: boolean): Promise<Signature> {
  const { fileTypeFromBuffer } = await loadSignatures();
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const isFound = found !== undefined && (textFormats.has(found.mime) || !isText);
  return { type: isFound ? found.mime : undefined, isText };
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
