import { z } from "zod";
import { badRequest } from "../../http/index.js";

/** The position in a list behind which the next page begins. */
export interface PageCursor {
  readonly sort: string;
  /** The sorted column of the last row, as PostgreSQL writes it, which is finer than a `Date`. */
  readonly value: string;
  /** The primary key of the last row, likewise. */
  readonly key: string;
}

const schema = z.tuple([z.literal(1), z.string(), z.string(), z.string()]);

/** Packs a position for the caller. It holds nothing that the rows did not tell. */
export function formatCursor({ sort, value, key }: PageCursor): string {
  return Buffer.from(JSON.stringify([1, sort, value, key])).toString("base64url");
}

/**
 * Unpacks a position. It may be forged: its values go to the database as values, and reach no row that the same list
 * without it would not have.
 *
 * @throws HttpError (400) for a malformed position, or one of another order.
 */
export function parseCursor(text: string, sort: string): PageCursor {
  const parsed = schema.safeParse(parse(text));
  if (!parsed.success) throw badRequest("cursor: it is not one of this list");
  const [, itsSort, value, key] = parsed.data;
  if (itsSort !== sort) throw badRequest("cursor: it belongs to a list in another order");
  return { sort, value, key };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
