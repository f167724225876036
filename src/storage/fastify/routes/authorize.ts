import type { FastifyRequest } from "fastify";
import { bearerCheck, forbidden, unauthorized } from "../../../http/index.js";
import type { PolicyOptions } from "../../policy/index.js";

/** What a management route does. */
export type StorageRoute = "upload" | "download" | "list" | "metadata" | "delete" | "sign" | "backend-info";

/** Everything below one tenant's prefix, by the rules of the storage and those for this caller. */
export interface TenantPermission {
  readonly tenant: string;
  /** For the rate limits alone: each user has them for itself. */
  readonly user?: string | undefined;
  /** Narrows what the storage takes, as the plan of the tenant has it. */
  readonly policy?: PolicyOptions | undefined;
}

/** What a caller may do: nothing, everything, or everything below one tenant's prefix. */
export type Permission = boolean | TenantPermission;

/**
 * Decides about one request before any of its content is read. `false` is answered with 401 when the
 * request has no `Authorization`, else with 403; an error that carries a `statusCode` is answered with it.
 */
export type Authorize = (request: FastifyRequest, route: StorageRoute) => Permission | Promise<Permission>;

/**
 * Lets in every request that sends `Authorization: Bearer` with this token, or with any of several
 * (RFC 6750); all others get 401.
 *
 * @param permission - what the token allows; everything by default.
 */
export function bearerToken(tokens: string | readonly string[], permission: Permission = true): Authorize {
  const check = bearerCheck(tokens);
  return (request) => {
    check(request);
    return permission;
  };
}

/** Answers who may go on; all others are refused. */
export async function permit(
  authorize: Authorize | "open",
  request: FastifyRequest,
  route: StorageRoute,
): Promise<Omit<TenantPermission, "tenant"> & { readonly tenant: string | undefined }> {
  const permission = authorize === "open" ? true : await authorize(request, route);
  if (permission === true) return { tenant: undefined };
  if (typeof permission === "object" && typeof permission?.tenant === "string") return permission;
  throw request.headers.authorization === undefined
    ? unauthorized(false)
    : forbidden("these credentials do not allow this");
}
