import { isKey } from "../../key.js";
import { DiskError } from "./disk-error.js";
import type { FolderLook } from "./folder-look.js";

const version = "1:";
/** Outside the alphabet of keys. */
const separator = "~";

/** Where a page ended. */
export interface PageEnd {
  /** The last key or rolled-up prefix of the page; empty at the beginning. */
  readonly last: string;
  /** How the folder of `last` looked, if nothing in it came behind `last`. */
  readonly look?: FolderLook | undefined;
}

/** Where a page ended, without the prefix of the listing, which may begin with a tenant's and is not for callers. */
export function writeCursor(prefix: string, { last, look }: PageEnd): string {
  const folder = look === undefined ? [] : [look.dev, look.ino, look.ctimeMs];
  const text = version + [last.slice(prefix.length), ...folder].join(separator);
  return Buffer.from(text).toString("base64url");
}

/** The end of the page before. */
export function parseCursor(prefix: string, cursor: string | undefined): PageEnd {
  if (cursor === undefined) return { last: "" };
  const [rest = "", ...folder] = Buffer.from(cursor, "base64url")
    .toString("latin1")
    .slice(version.length)
    .split(separator);
  const pageEnd = { last: prefix + rest, look: parseLook(folder) };
  if (isEntry(pageEnd.last) && writeCursor(prefix, pageEnd) === cursor) return pageEnd;
  throw new DiskError("invalid_argument", "this is not a cursor of this listing");
}

function parseLook(folder: readonly string[]): FolderLook | undefined {
  const [dev, ino, ctimeMs] = folder.map(Number);
  return dev === undefined || ino === undefined || ctimeMs === undefined ? undefined : { dev, ino, ctimeMs };
}

/** Entries are keys and, rolled up, starts of keys that end with `/`. */
function isEntry(name: string): boolean {
  return isKey(name.endsWith("/") ? name.slice(0, -1) : name);
}
