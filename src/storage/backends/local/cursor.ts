import { DiskError } from "./disk-error.js";

const form = /^[A-Za-z0-9._/-]{1,1100}$/;
const version = "1:";

/** Where a page ended, in a form that says nothing to the caller. */
export function writeCursor(last: string): string {
  return Buffer.from(version + last).toString("base64url");
}

/** The last entry of the page before; empty at the beginning. */
export function parseCursor(cursor: string | undefined): string {
  if (cursor === undefined) return "";
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  const last = text.slice(version.length);
  if (text.startsWith(version) && form.test(last) && writeCursor(last) === cursor) return last;
  throw new DiskError("invalid_argument", "this is not a cursor of this storage");
}
