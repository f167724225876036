import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { unauthorized } from "./http-error.js";

/**
 * Checks `Authorization: Bearer` (RFC 6750) against one token, in constant time.
 *
 * @returns a check that passes when the request carries the token.
 * @throws TypeError for an empty token; the check throws an HttpError (401) for any other credentials.
 */
export function bearerCheck(token: string): (request: Pick<FastifyRequest, "headers">) => void {
  if (token === "") throw new TypeError("a bearer token must not be empty");
  const expected = digest(token);
  return ({ headers }) => {
    const [, given] = /^bearer +([^\s]+)$/i.exec(headers.authorization ?? "") ?? [];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    throw unauthorized(headers.authorization !== undefined);
  };
}

/** Equal lengths, whatever was sent: the comparison can neither throw nor tell the length. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
