import { isTenantId, tenantRule } from "../kernel/index.js";
import { isContentType } from "./content/content-type.js";
import type { ByteRange, ListOptions } from "./contract/backend.js";
import { InvalidArgumentError } from "./contract/error.js";
import { type Key, parseKey, parsePrefix } from "./contract/key.js";
import type { ListPageOptions } from "./options.js";

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
  if (isTenantId(id)) return id;
  throw new InvalidArgumentError({ message: tenantRule });
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
