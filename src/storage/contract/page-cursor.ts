import { createHash } from "node:crypto";
import { refusal } from "./service-error.js";

const markBytes = 6;

/** Where a page ended, without the prefix of the listing, which may begin with a tenant's and is not for callers. */
export function writeCursor(prefix: string, last: string): string {
  return spell(last.slice(prefix.length));
}

/**
 * The last entry of the page before. It is a position in the order of names and nothing more: it may be any text.
 *
 * @throws ServiceError `invalid_argument` for what {@link writeCursor} has not made.
 */
export function readCursor(prefix: string, cursor: string): string {
  const bytes = Buffer.from(cursor, "base64url");
  const rest = bytes.subarray(markBytes).toString();
  if (spell(rest) === cursor) return prefix + rest;
  throw refusal("invalid_argument", "the cursor was not made by this listing");
}

/** The mark tells a cursor from other text. */
function spell(rest: string): string {
  const mark = createHash("sha256").update(`svc-infra-cursor-1\n${rest}`).digest().subarray(0, markBytes);
  return Buffer.concat([mark, Buffer.from(rest)]).toString("base64url");
}
