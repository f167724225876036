import { readCursor, writeCursor } from "../../../contract/page-cursor.js";
import { randomToken } from "../record/temp-name.js";

/** Where a page of a listing begins. */
export interface ListPlace {
  /** The last entry of the page before; empty for the first page. */
  readonly after: string;
  /** When this process saw the listing for the first time, by `performance.now()`. */
  readonly sinceMs: number;
}

/** Names the clock of this process: a time of another one says nothing here. */
const clock = randomToken();
/** A cursor, the clock of the process that made it, and a time of that clock. */
const shape = /^([^~]*)~([0-9a-f]{24})~([0-9]+(?:\.[0-9]+)?)$/;

/** @throws ServiceError `invalid_argument` for what {@link writePlace} has not made. */
export function readPlace(prefix: string, cursor: string | undefined): ListPlace {
  const nowMs = performance.now();
  if (cursor === undefined) return { after: "", sinceMs: nowMs };
  // An empty cursor is refused, too.
  const [, place = "", of, sinceMs] = shape.exec(cursor) ?? [];
  return { after: readCursor(prefix, place), sinceMs: of === clock ? Number(sinceMs) : nowMs };
}

/** The cursor behind an entry, for the next page of the same listing. */
export function writePlace(prefix: string, { after, sinceMs }: ListPlace): string {
  return `${writeCursor(prefix, after)}~${clock}~${sinceMs}`;
}
