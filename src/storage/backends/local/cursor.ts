import { isKey } from "../../key.js";
import { DiskError } from "./disk-error.js";

const version = "1:";
/** Outside the alphabet of keys. */
const separator = "~";

/** Where a page ended. */
export interface Place {
  /** The last key or rolled-up prefix of the page; empty at the beginning. */
  readonly last: string;
  /** When the folder of `last` had changed, in milliseconds since the epoch, if nothing in it came behind `last`. */
  readonly endedMs?: number | undefined;
}

/** Where a page ended, without the prefix of the listing, which may begin with a tenant's and is not for callers. */
export function writeCursor(prefix: string, { last, endedMs }: Place): string {
  const end = endedMs === undefined ? "" : separator + endedMs;
  return Buffer.from(version + last.slice(prefix.length) + end).toString("base64url");
}

/** The end of the page before. */
export function parseCursor(prefix: string, cursor: string | undefined): Place {
  if (cursor === undefined) return { last: "" };
  const [rest = "", end] = Buffer.from(cursor, "base64url")
    .toString("latin1")
    .slice(version.length)
    .split(separator);
  const place = { last: prefix + rest, endedMs: end === undefined ? undefined : Number(end) };
  if (isEntry(place.last) && writeCursor(prefix, place) === cursor) return place;
  throw new DiskError("invalid_argument", "this is not a cursor of this listing");
}

/** Entries are keys and, rolled up, starts of keys that end with `/`. */
function isEntry(name: string): boolean {
  return isKey(name.endsWith("/") ? name.slice(0, -1) : name);
}
