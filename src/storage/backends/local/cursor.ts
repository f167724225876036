import { isKey } from "../../key.js";
import { DiskError } from "./disk-error.js";

const version = "1:";

/** Where a page ended, without the prefix of the listing, which may begin with a tenant's and is not for callers. */
export function writeCursor(prefix: string, last: string): string {
  return Buffer.from(version + last.slice(prefix.length)).toString("base64url");
}

/** The last entry of the page before; empty at the beginning. */
export function parseCursor(prefix: string, cursor: string | undefined): string {
  if (cursor === undefined) return "";
  const last = prefix + Buffer.from(cursor, "base64url").toString("latin1").slice(version.length);
  if (isEntry(last) && writeCursor(prefix, last) === cursor) return last;
  throw new DiskError("invalid_argument", "this is not a cursor of this listing");
}

/** Entries are keys and, rolled up, starts of keys that end with `/`. */
function isEntry(name: string): boolean {
  return isKey(name.endsWith("/") ? name.slice(0, -1) : name);
}
