import { isObjectName, maxKeyLength } from "../../contract/key.js";
import { refusal } from "../../contract/service-error.js";

const version = "1:";

/** Where a page ended, without the prefix of the listing, which may begin with a tenant's and is not for callers. */
export function writeCursor(prefix: string, last: string): string {
  return Buffer.from(version + last.slice(prefix.length)).toString("base64url");
}

/** The last entry of the page before: a key, or a rolled-up start of keys that ends with `/`. */
export function parseCursor(prefix: string, cursor: string): string {
  const last = prefix + Buffer.from(cursor, "base64url").toString("latin1").slice(version.length);
  const isEntry = isObjectName(last.endsWith("/") ? last.slice(0, -1) : last);
  if (isEntry && writeCursor(prefix, last) === cursor) return last;
  throw refusal("invalid_argument", "this is not a cursor of this listing");
}

/** The first name that a key behind an entry can have: `-` is the least of their characters, `0` follows `/`. */
export function behind(entry: string): string {
  if (entry.endsWith("/")) return `${entry.slice(0, -1)}0`;
  if (entry.length < maxKeyLength) return `${entry}-`;
  return entry.slice(0, -1) + String.fromCharCode(entry.charCodeAt(entry.length - 1) + 1);
}
