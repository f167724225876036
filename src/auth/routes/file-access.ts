import type { FastifyRequest } from "fastify";
import { forbidden, HttpError } from "../../http/index.js";
import { userPrefix } from "../account/stored-files.js";
import type { AuthUser } from "../auth-user.js";
import { knownUser } from "./require-user.js";

/** Decides for the routes of storage: files below one prefix, or nothing. */
export type FileAccess = (request: FastifyRequest, route: string) => Promise<{ readonly tenant: string }>;

/** Routes of storage that change nothing. */
const reads: ReadonlySet<string> = new Set(["download", "list", "metadata", "backend-info"]);

/**
 * Gives each user files of their own: `addStorage(app, { authorize: userFiles() })`. An API key needs the scope
 * `files:read`, and `files:write` for what changes something; one that was made in an organisation is for {@link tenantFiles}.
 *
 * @returns what `authorize` of `addStorage` takes; it throws HttpError: 401 `unauthorized`, 403 `missing_scope`, `forbidden`
 * and `cross_site`.
 * @example
 * await addStorage(app, { authorize: userFiles() });
 */
export function userFiles(): FileAccess {
  return async (request, route) => {
    const { id, apiKey, tenant } = await callerOf(request, route);
    if (apiKey !== undefined && tenant !== undefined) {
      throw forbidden("an API key of an organisation reaches no files of its user");
    }
    return { tenant: userPrefix(id) };
  };
}

/**
 * Gives the members of an organisation its files, of which it is the tenant. Otherwise as {@link userFiles}.
 *
 * @returns what `authorize` of `addStorage` takes; it throws HttpError: also 403 `forbidden` without an active organisation.
 * @example
 * await addStorage(app, { authorize: tenantFiles() });
 */
export function tenantFiles(): FileAccess {
  return async (request, route) => {
    const { tenant } = await callerOf(request, route);
    if (tenant === undefined) throw forbidden("this needs an active organisation");
    return { tenant };
  };
}

async function callerOf(request: FastifyRequest, route: string): Promise<AuthUser> {
  const user = await knownUser(request);
  const scope = reads.has(route) ? "files:read" : "files:write";
  if (user.apiKey?.scopes.includes(scope) === false) {
    throw new HttpError(403, "missing_scope", `this needs an API key with the scope ${scope}`);
  }
  return user;
}
