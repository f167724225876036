import { InvalidArgumentError } from "./error.js";
import { quote } from "./quote.js";

/** The user's own pairs of an object; frozen. */
export type Metadata = Readonly<Record<string, string>>;

/** Most pairs an object may have. */
export const maxMetadataPairs = 32;
/** Most bytes of names and values together, in UTF-8 (the limit of S3). */
export const maxMetadataBytes = 2048;

/** No metadata at all. */
export const noMetadata: Metadata = Object.freeze({});

const namePattern = /^[a-z0-9_-]{1,64}$/;
const forbiddenNames = new Set(["__proto__", "constructor", "prototype"]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const controlCharacter = /[\u0000-\u001f\u007f]/;

/**
 * Checks and copies metadata: names of `a-z 0-9 _ -` (upper case is folded), values of any script without
 * control characters or lone surrogates, at most 32 pairs and 2 KiB in all.
 *
 * @throws InvalidArgumentError naming the pair.
 */
export function parseMetadata(raw: Readonly<Record<string, string>> | undefined): Metadata {
  if (raw === undefined) return noMetadata;
  if (typeof raw !== "object" || raw === null) throw refuse("metadata must be an object");
  const names = Object.keys(raw);
  if (names.length > maxMetadataPairs) throw refuse(`more than ${maxMetadataPairs} metadata pairs`);
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const given of names) {
    const name = checkName(given.toLowerCase());
    if (Object.hasOwn(metadata, name)) throw refuse("metadata names the same pair twice");
    const value = checkValue(name, raw[given]);
    metadata[name] = value;
    bytes += name.length + Buffer.byteLength(value);
  }
  if (bytes > maxMetadataBytes) throw refuse(`metadata is ${bytes} bytes, more than ${maxMetadataBytes}`);
  return Object.freeze(metadata);
}

/**
 * Metadata as a service keeps it, also what other tools wrote. A pair that {@link parseMetadata} would refuse is left
 * out: what is left can do no harm in a header or a page, and can be written again, as long as it is not too long.
 */
export function storedMetadata(pairs: Iterable<readonly [name: string, value: string]>): Metadata {
  const metadata: Record<string, string> = {};
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    if (isName(name) && isClean(value)) metadata[name] = value;
  }
  return Object.freeze(metadata);
}

/**
 * The name of a file as a service keeps it, also what other tools wrote; `undefined` for a name that {@link
 * parseFilename} would refuse.
 */
export function storedFilename(raw: string | undefined): string | undefined {
  try {
    return parseFilename(raw);
  } catch {
    return undefined;
  }
}

/** Checks the name a file came with: 1 to 255 bytes of UTF-8, no control characters. */
export function parseFilename(raw: string | undefined): string | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw !== "string" || raw === "") throw refuse("filename must be a string that is not empty");
  if (!isClean(raw)) throw refuse("filename holds control characters or is not well-formed Unicode");
  if (Buffer.byteLength(raw) > 255) throw refuse("filename is longer than 255 bytes");
  return raw;
}

function checkName(name: string): string {
  if (isName(name)) return name;
  throw refuse(`metadata name ${quote(name)} may hold only a-z 0-9 _ - (64 at most)`);
}

function isName(name: string): boolean {
  return namePattern.test(name) && !forbiddenNames.has(name);
}

function checkValue(name: string, value: unknown): string {
  if (typeof value !== "string") throw refuse(`metadata value of '${name}' must be a string`);
  if (!isClean(value)) throw refuse(`metadata value of '${name}' holds control characters or broken Unicode`);
  return value;
}

function isClean(text: string): boolean {
  return !controlCharacter.test(text) && text.isWellFormed();
}

function refuse(message: string): InvalidArgumentError {
  return new InvalidArgumentError({ message });
}
