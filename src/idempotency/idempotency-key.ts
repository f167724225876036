import { HttpError } from "../http/index.js";

/** A string of structured fields (RFC 8941 §3.3.3), or the same without its quotes, as many clients send it. */
const spelling =
  /^(?:"(?<quoted>[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|(?<bare>[A-Za-z0-9_.:~+/=-]{1,255}))$/;

/**
 * The key of a request, by its header `Idempotency-Key`; `undefined` when it brings none.
 *
 * @throws HttpError (400, `invalid_idempotency_key`) for one that is spelled wrongly.
 */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const groups = typeof header === "string" ? spelling.exec(header.trim())?.groups : undefined;
  const key = groups?.quoted ?? groups?.bare;
  if (key !== undefined) return key;
  const message = "Idempotency-Key must be one string of 1 to 255 printable ASCII characters";
  throw new HttpError(400, "invalid_idempotency_key", message);
}
