import { badRequest } from "../../http/index.js";

/** A position in the deliveries in the order of their making; ids tell those apart that were made at once. */
export interface DeliveryCursor {
  /** When the delivery was made, in microseconds since the epoch, which are finer than a `Date`. */
  readonly createdUs: string;
  readonly id: string;
}

/** Packs a position for the caller. It holds nothing that the delivery did not tell. */
export function formatCursor({ createdUs, id }: DeliveryCursor): string {
  return Buffer.from(`${createdUs} ${id}`).toString("base64url");
}

/**
 * Unpacks a position. It may be forged: it is compared with the caller's own deliveries and no others.
 *
 * @throws HttpError (400) for a malformed one.
 */
export function parseCursor(text: string): DeliveryCursor {
  const [, createdUs, id] =
    /^(\d{1,17}) ([\w-]{1,64})$/.exec(Buffer.from(text, "base64url").toString()) ?? [];
  if (createdUs === undefined || id === undefined) throw badRequest("cursor: it is not one of this list");
  return { createdUs, id };
}
