import { isContentType } from "./content/content-type.js";
import type { ByteRange, ListOptions, SignOptions } from "./contract/backend.js";
import { InvalidArgumentError } from "./contract/error.js";
import { type Key, parseKey, parsePrefix } from "./contract/key.js";
import { parseFilename } from "./contract/metadata.js";
import { quote } from "./contract/quote.js";
import { parseTransform } from "./contract/transform.js";
import type { ListPageOptions, UploadUrlOptions, UrlOptions } from "./options.js";

/** Seconds a signed URL lives unless said otherwise. */
export const defaultUrlSeconds = 3600;
/** Longest life of a signed URL, in seconds: seven days, as with AWS Signature Version 4. */
export const maxUrlSeconds = 604_800;

/** A media type, or nothing. */
export function checkContentType<T extends string | undefined>(raw: T): T {
  if (raw === undefined || isContentType(raw)) return raw;
  throw new InvalidArgumentError({ message: "contentType is not a media type" });
}

/** Options are an object; JavaScript can give anything. */
export function checkOptions(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new InvalidArgumentError({ message: "options must be an object" });
}

/**
 * Options that a call does not know are mistakes, as the names that other libraries use: they would be dropped in silence.
 *
 * @throws InvalidArgumentError naming the option.
 */
export function checkOptionNames(call: string, options: object, known: ReadonlySet<string>): void {
  for (const name in options) {
    if (known.has(name)) continue;
    const most = [...known].join(", ");
    throw new InvalidArgumentError({ message: `${call} has no option ${quote(name)}; it takes ${most}` });
  }
}

/** A list of keys, each checked. */
export function checkKeys(raw: unknown): readonly Key[] {
  if (Array.isArray(raw)) return raw.map(parseKey);
  throw new InvalidArgumentError({ message: "keys must be an array" });
}

/** A limit is a number of bytes, or infinite. */
export function isLimit(bytes: unknown): bytes is number {
  return typeof bytes === "number" && bytes >= 0;
}

/** A tenant's id, which can be a segment of keys. */
export function checkTenant(id: unknown): string {
  if (typeof id === "string" && /^[a-z0-9_-]{1,64}$/.test(id) && id !== "public") return id;
  throw new InvalidArgumentError({ message: "a tenant id is 1 to 64 of a-z 0-9 _ -, and not 'public'" });
}

/** What a signed URL shall allow, checked and complete. */
export function toSignOptions(
  method: "get" | "put",
  options: UrlOptions & Partial<UploadUrlOptions>,
): SignOptions {
  checkOptions(options);
  return {
    method,
    expiresAt: expiry(options.expiresIn),
    download: options.download ?? false,
    filename: parseFilename(options.filename),
    contentType: checkContentType(options.contentType),
    size: checkUploadSize(options.size),
    transform: options.transform === undefined ? undefined : parseTransform(options.transform),
  };
}

let plain = toSignOptions("get", {});

/** What the URL of an object allows when nobody asked for more. It expires on a whole second, so it is made once in each. */
export function plainSignOptions(): SignOptions {
  const left = plain.expiresAt.getTime() - Date.now();
  if (left <= (defaultUrlSeconds - 1) * 1000 || left > defaultUrlSeconds * 1000)
    plain = toSignOptions("get", {});
  return plain;
}

/** The size of an upload that is announced, or none. */
function checkUploadSize(size: unknown): number | undefined {
  if (size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0))
    return size;
  throw new InvalidArgumentError({ message: "size must be a whole number of bytes" });
}

/** What page is asked for, checked and complete. */
export function toListOptions(options: ListPageOptions, details: boolean): ListOptions {
  return {
    prefix: parsePrefix(options.prefix ?? ""),
    delimiter: checkDelimiter(options.delimiter),
    cursor: options.cursor,
    limit: checkLimit(options.limit),
    details,
    signal: options.signal,
  };
}

/** When a URL that lives so many seconds from now expires. */
export function expiry(seconds: number = defaultUrlSeconds): Date {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxUrlSeconds) {
    throw new InvalidArgumentError({ message: `expiresIn must be whole seconds from 1 to ${maxUrlSeconds}` });
  }
  return new Date((Math.floor(Date.now() / 1000) + seconds) * 1000);
}

/** Whole numbers in the right order. */
export function checkRange(range: ByteRange): ByteRange {
  checkOptions(range);
  const ends = "suffix" in range ? [range.suffix] : [range.start, range.end ?? range.start];
  const isSound =
    ends.every((end) => Number.isSafeInteger(end) && end >= 0) && (ends[0] ?? 0) <= (ends.at(-1) ?? 0);
  if (!isSound) throw new InvalidArgumentError({ message: "a range needs whole numbers, start before end" });
  return range;
}

/** 1 to 1,000 entries of a listing; 100 unless said otherwise. */
function checkLimit(limit = 100): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new InvalidArgumentError({ message: "limit must be a whole number from 1 to 1000" });
}

/** `/` or none. */
function checkDelimiter(delimiter: string | undefined): "/" | undefined {
  if (delimiter === undefined || delimiter === "/") return delimiter;
  throw new InvalidArgumentError({ message: "the only delimiter is '/'" });
}

/** An ETag, as it was answered, or none. */
export function checkEtag(etag: unknown): string | undefined {
  if (etag === undefined || typeof etag === "string") return etag;
  throw new InvalidArgumentError({ message: "ifMatch must be an ETag" });
}
