import { sniffBytes, sniffContentType } from "../content/content-type.js";
import { StorageConfigurationError } from "../contract/error.js";
import { looksLikeText } from "./text.js";

type Sniffer = typeof import("file-type");

/** By a name that bundlers do not follow: an application that is bundled into one file must not get a second one for it. */
const sniffer: string = "file-type";
/** Loaded when the first content is decided: a storage without such a policy does not need it. */
let loading: Promise<Sniffer> | undefined;
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

/**
 * The type that the first bytes tell, at most 16 KiB of them.
 *
 * A format that makes the sniffer fail has no signature: it is then decided like content without one.
 */
export async function signatureOf(head: Uint8Array): Promise<string | undefined> {
  const frequent = sniffContentType(head.subarray(0, sniffBytes), "");
  if (frequentTypes.has(frequent)) return frequent;
  loading ??= loadSniffer();
  const { fileTypeFromBuffer, supportedMimeTypes } = await loading;
  signedTypes = supportedMimeTypes;
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  if (found === undefined) return undefined;
  return textFormats.has(found.mime) || !looksLikeText(head) ? found.mime : undefined;
}

/**
 * Whether content of a type has a signature, so that content without one is of another type. Call it behind {@link
 * signatureOf}.
 */
export function isSignedType(essence: string): boolean {
  return signedTypes.has(essence);
}

async function loadSniffer(): Promise<Sniffer> {
  try {
    return await import(sniffer);
  } catch (cause) {
    const message = `to tell types by content the package '${sniffer}' must be beside the application: npm install ${sniffer}`;
    throw new StorageConfigurationError({ message, cause });
  }
}
