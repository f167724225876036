import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { unauthorized } from "./http-error.js";

/**
 * Checks `Authorization: Bearer` (RFC 6750) against a token, or any of several (while
 * one replaces the other), in constant time.
 *
 * @returns a check that passes when the request carries a token.
 * @throws TypeError for an empty token or none; the check throws an HttpError (401) for any other credentials.
 */
export function bearerCheck(
  tokens: string | readonly string[],
): (request: Pick<FastifyRequest, "headers">) => void {
  const expected = [tokens].flat().map(digest);
  if (expected.length === 0) throw new TypeError("a bearer check needs a token");
  return ({ headers }) => {
    const [, given] = /^bearer +([^\s]+)$/i.exec(headers.authorization ?? "") ?? [];
    // Every one is compared, so that the time does not tell which one it is.
    if (given !== undefined && expected.filter((each) => timingSafeEqual(digest(given), each)).length > 0)
      return;
    throw unauthorized(headers.authorization !== undefined);
  };
}

/** The lengths are equal for any input: the comparison can neither throw nor tell the length. */
function digest(token: string): Buffer {
  if (typeof token !== "string" || token === "")
    throw new TypeError("a bearer token must be text, and not empty");
  return createHash("sha256").update(token, "utf8").digest();
}
