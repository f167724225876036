import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { forbidden, unauthorized } from "./refusal.js";

/** What a management route does. */
export type StorageRoute = "upload" | "download" | "list" | "metadata" | "delete" | "sign" | "backend-info";

/** What a caller may do: nothing, everything, or everything below one tenant's prefix. */
export type Permission = boolean | { readonly tenant: string };

/**
 * Decides about one request before any of its content is read. `false` is answered with 401 when the
 * request has no `Authorization`, else with 403; an error that carries a `statusCode` is answered with it.
 */
export type Authorize = (request: FastifyRequest, route: StorageRoute) => Permission | Promise<Permission>;

/**
 * Lets in whoever sends `Authorization: Bearer` with this token (RFC 6750); all others get 401.
 *
 * @param permission - what the token allows; everything by default.
 */
export function bearerToken(token: string, permission: Permission = true): Authorize {
  if (token === "") throw new TypeError("a bearer token must not be empty");
  const expected = digest(token);
  return ({ headers }) => {
    const [, given] = /^bearer +([^\s]+)$/i.exec(headers.authorization ?? "") ?? [];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return permission;
    throw unauthorized(headers.authorization !== undefined);
  };
}

/** Answers who may go on; all others are refused. */
export async function permit(
  authorize: Authorize | "open",
  request: FastifyRequest,
  route: StorageRoute,
): Promise<{ readonly tenant: string | undefined }> {
  const permission = authorize === "open" ? true : await authorize(request, route);
  if (permission === true) return { tenant: undefined };
  if (typeof permission === "object" && typeof permission?.tenant === "string") return permission;
  throw request.headers.authorization === undefined
    ? unauthorized(false)
    : forbidden("these credentials do not allow this");
}

/** Equal lengths, whatever was sent: the comparison can neither throw nor tell the length. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
