import { type Metadata, storedMetadata } from "../../../contract/metadata.js";
import { refusal } from "../../../contract/service-error.js";
import type { ProviderTraits } from "../providers.js";
import type { S3Response } from "../wire/exchange.js";
import type { Headers } from "../wire/sigv4.js";
import { decodeWords, encodeWord } from "./encoded-word.js";
import { formatMark, parseMark, type WriteMark } from "./write-mark.js";

const start = "x-amz-meta-";
/** Names that belong to the backend begin like this. */
const ownName = "svc-infra";
/** Most bytes that the mark of a write takes of an object's metadata, with its name. */
export const maxMarkBytes = ownName.length + 36;
/** Short enough for every service. */
const packedPieceBytes = 240;

/** What is kept as metadata beside the user's pairs. */
export interface KeptMetadata {
  readonly metadata: Metadata;
  readonly mark: WriteMark | undefined;
  /** The file's name, where no other header holds it exactly. */
  readonly filename: string | undefined;
  /** Whether the `Content-Disposition` is the caller's own, and not made of the file name. */
  readonly ownDisposition: boolean;
}

/** What has no plain header of its own. */
interface Packed {
  readonly m?: Readonly<Record<string, string>>;
  readonly f?: string;
  /** 1: {@link KeptMetadata.ownDisposition}. */
  readonly d?: 1;
}

/**
 * The headers of metadata. A pair that a header can hold as it is stays plain for other tools; a value that is not
 * ASCII becomes an encoded word; what the service would change or refuse is packed into headers of the backend.
 */
export function metadataHeaders(kept: KeptMetadata, traits: ProviderTraits): Headers {
  const headers: Headers = {};
  const odd: [string, string][] = [];
  for (const [name, value] of Object.entries(kept.metadata)) {
    const text = isPlain(value) ? value : encodeWord(value);
    if (keepsName(name, traits) && text.length <= traits.maxMetadataValueBytes) headers[start + name] = text;
    else odd.push([name, value]);
  }
  if (kept.mark !== undefined) headers[start + ownName] = formatMark(kept.mark);
  const packed = packedOf(odd, kept);
  if (Object.keys(packed).length > 0) Object.assign(headers, pack(packed));
  checkSize(headers, traits);
  return headers;
}

/** What the headers of an object keep, also of one that another tool wrote. */
export function keptMetadata(headers: S3Response["headers"]): KeptMetadata {
  const pairs: [string, string][] = [];
  for (const name in headers) {
    if (isOthersMetadata(name)) pairs.push([name.slice(start.length), decodeWords(headers[name] ?? "")]);
  }
  const { m = {}, f, d } = unpack(headers);
  const metadata = storedMetadata([...pairs, ...Object.entries(m)]);
  return { metadata, mark: parseMark(headers[start + ownName]), filename: f, ownDisposition: d === 1 };
}

/** Whether a header is metadata that is not the backend's own. */
export function isOthersMetadata(header: string): boolean {
  return header.startsWith(start) && !header.startsWith(start + ownName);
}

/** Blanks at the ends or in a row are changed on the way. */
function isPlain(value: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/ {2}|=\?/.test(value);
}

function keepsName(name: string, { keepsUnderscores }: ProviderTraits): boolean {
  return !name.startsWith(ownName) && (keepsUnderscores || !name.includes("_"));
}

function packedOf(
  pairs: readonly (readonly [string, string])[],
  { filename, ownDisposition }: KeptMetadata,
): Packed {
  return {
    ...(pairs.length === 0 ? {} : { m: Object.fromEntries(pairs) }),
    ...(filename === undefined ? {} : { f: filename }),
    ...(ownDisposition ? { d: 1 } : {}),
  };
}

function pack(packed: Packed): Headers {
  const text = Buffer.from(JSON.stringify(packed)).toString("base64url");
  const headers: Headers = {};
  for (let at = 0, index = 0; at < text.length; at += packedPieceBytes, index++) {
    headers[`${start}${ownName}-${index}`] = text.slice(at, at + packedPieceBytes);
  }
  return headers;
}

function unpack(headers: S3Response["headers"]): Packed {
  let text = "";
  for (let index = 0; ; index++) {
    const piece = headers[`${start}${ownName}-${index}`];
    if (piece === undefined) break;
    text += piece;
  }
  return text === "" ? {} : parsePacked(Buffer.from(text, "base64url").toString());
}

/** Others can write these headers, too. */
function parsePacked(json: string): Packed {
  try {
    const { m, f, d } = JSON.parse(json);
    return {
      ...(isPairs(m) ? { m } : {}),
      ...(typeof f === "string" ? { f } : {}),
      ...(d === 1 ? { d } : {}),
    };
  } catch {
    return {};
  }
}

function isPairs(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).every((each) => typeof each === "string");
}

function checkSize(headers: Headers, { maxMetadataBytes }: ProviderTraits): void {
  let bytes = 0;
  for (const name in headers) bytes += name.length - start.length + (headers[name]?.length ?? 0);
  if (bytes <= maxMetadataBytes) return;
  const message = `metadata, as it is sent, is ${bytes} bytes; the service takes ${maxMetadataBytes}`;
  throw refusal("invalid_argument", message);
}
