import type { ContentFields, ObjectDescription } from "./backend.js";
import { InvalidArgumentError } from "./error.js";

/** The HTTP field in which a service keeps and sends each of the {@link ContentFields}. */
export const contentHeaders = {
  cacheControl: "cache-control",
  contentEncoding: "content-encoding",
  contentDisposition: "content-disposition",
  contentLanguage: "content-language",
} as const satisfies Record<keyof ContentFields, string>;

/** The names of the {@link ContentFields}. */
export const contentFieldNames: readonly (keyof ContentFields)[] = [
  "cacheControl",
  "contentEncoding",
  "contentDisposition",
  "contentLanguage",
];

const maxFieldLength = 1024;
/** What a header carries unchanged and signatures read alike: ASCII without blanks at the ends or in a row. */
export const exactText = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;
/** A token, or a list of them (RFC 9110 §8.4, §8.5). */
const tokens = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: ?, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$/;

/** The description of an object that holds one, and nothing else of it. Every field is there. */
export function descriptionOf(described: ObjectDescription): ObjectDescription {
  const { contentType, filename, metadata } = described;
  const { cacheControl, contentEncoding, contentDisposition, contentLanguage } = described;
  return {
    contentType,
    filename,
    metadata,
    cacheControl,
    contentEncoding,
    contentDisposition,
    contentLanguage,
  };
}

/** True for the same content type, file name, fields of the content and metadata, in any order of the pairs. */
export function isSameDescription(one: ObjectDescription, other: ObjectDescription): boolean {
  const names = Object.keys(one.metadata);
  return (
    one.contentType === other.contentType &&
    one.filename === other.filename &&
    contentFieldNames.every((name) => one[name] === other[name]) &&
    names.length === Object.keys(other.metadata).length &&
    names.every((name) => one.metadata[name] === other.metadata[name])
  );
}

/**
 * Checks the fields that a caller gave.
 *
 * @throws InvalidArgumentError naming the field.
 */
export function parseContentFields(raw: ContentFields): ContentFields {
  const { cacheControl, contentEncoding, contentDisposition, contentLanguage } = raw;
  if (cacheControl !== undefined) checkField("cacheControl", cacheControl, exactText);
  if (contentDisposition !== undefined) checkField("contentDisposition", contentDisposition, exactText);
  if (contentLanguage !== undefined) checkField("contentLanguage", contentLanguage, tokens);
  if (contentEncoding !== undefined) checkEncoding(contentEncoding);
  return { cacheControl, contentEncoding, contentDisposition, contentLanguage };
}

/**
 * The fields as a service keeps them, also those that other tools wrote. A field that {@link parseContentFields}
 * would refuse is left out.
 *
 * @param read - the kept value, by the header's name or by that of the field.
 */
export function storedContentFields(
  read: (header: string, name: keyof ContentFields) => unknown,
): ContentFields {
  const stored = (name: keyof ContentFields) => storable(name, read(contentHeaders[name], name));
  return {
    cacheControl: stored("cacheControl"),
    contentEncoding: stored("contentEncoding"),
    contentDisposition: stored("contentDisposition"),
    contentLanguage: stored("contentLanguage"),
  };
}

function storable(name: keyof ContentFields, value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return parseContentFields({ [name]: value })[name];
  } catch {
    return undefined;
  }
}

/** `aws-chunked` names a way of sending and not of encoding; services that keep it would misread the object later. */
function checkEncoding(value: unknown): void {
  checkField("contentEncoding", value, tokens);
  if (/aws-chunked/i.test(String(value))) throw refuse("contentEncoding cannot be aws-chunked");
}

function checkField(name: keyof ContentFields, value: unknown, form: RegExp): void {
  if (typeof value === "string" && value.length <= maxFieldLength && form.test(value)) return;
  throw refuse(
    `${name} must be the text of a ${contentHeaders[name]} header: ASCII, single blanks, at most ${maxFieldLength} characters`,
  );
}

function refuse(message: string): InvalidArgumentError {
  return new InvalidArgumentError({ message });
}
