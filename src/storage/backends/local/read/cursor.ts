import { isObjectName } from "../../../contract/key.js";
import { DiskError } from "../disk/disk-error.js";
import { isIdentityMark } from "./folder-identity.js";

const version = "1:";
/** Outside the alphabet of keys. */
const separator = "~";

/** Where a page ended. */
export interface PageEnd {
  /** The last key or rolled-up prefix of the page; empty at the beginning. */
  readonly last: string;
  /** Mark of the identity of the folder of `last`, if nothing in it came behind `last`. */
  readonly mark?: string | undefined;
}

/** Where a page ended, without the prefix of the listing, which may begin with that of a tenant and must not be shown. */
export function writeCursor(prefix: string, { last, mark }: PageEnd): string {
  const end = mark === undefined ? "" : separator + mark;
  return Buffer.from(version + last.slice(prefix.length) + end).toString("base64url");
}

/** The end of the page before. */
export function parseCursor(prefix: string, cursor: string | undefined): PageEnd {
  if (cursor === undefined) return { last: "" };
  const [rest = "", mark] = Buffer.from(cursor, "base64url")
    .toString("latin1")
    .slice(version.length)
    .split(separator);
  const pageEnd = { last: prefix + rest, mark };
  const isOurs = isEntry(pageEnd.last) && (mark === undefined || isIdentityMark(mark));
  if (isOurs && writeCursor(prefix, pageEnd) === cursor) return pageEnd;
  throw new DiskError("invalid_argument", "this is not a cursor of this listing");
}

/** Entries are keys and, rolled up, starts of keys that end with `/`. */
function isEntry(name: string): boolean {
  return isObjectName(name.endsWith("/") ? name.slice(0, -1) : name);
}
