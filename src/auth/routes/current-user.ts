import type { FastifyReply, FastifyRequest } from "fastify";
import { type AnyRequest, appOf, HttpError, pageBoundary, requestOf } from "../../http/index.js";
import { ConfigurationError } from "../../kernel/index.js";
import type { AuthUser, FoundUser } from "../auth-user.js";
import type { AuthUsers } from "../auth-users.js";
import { accessTokenPrefix, credentialOf } from "../credentials.js";
import { logUserEvent } from "./user-request.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The users of this app; there after `addAuthUsers`. */
    authUsers: AuthUsers;
  }
  interface FastifyRequest {
    /** Who made the request: there behind `requireUser`. */
    user: AuthUser | undefined;
  }
}

const found = new WeakMap<object, Promise<FoundUser | undefined>>();

/**
 * The users of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 */
export function authUsersOf(from: Parameters<typeof appOf>[0]): AuthUsers {
  const app = appOf(from);
  if (app.hasDecorator("authUsers")) return app.authUsers;
  const message = "are not there; call 'await addAuthUsers(app)' first";
  throw new ConfigurationError([{ name: "app.authUsers", message }]);
}

/**
 * The user that made a request; `undefined` when there is none. Looked up once for each request. A page of another origin
 * cannot use the cookies of a user to change something.
 *
 * @throws ConfigurationError without `addAuthUsers`; HttpError: 403 `cross_site`.
 * @example
 * const user = await getCurrentUser(request);
 */
export async function getCurrentUser(request: AnyRequest): Promise<AuthUser | undefined> {
  return checkedUser(requestOf(request));
}

/** The user of a request, when no page of another origin may have sent it. */
export async function checkedUser(request: FastifyRequest): Promise<AuthUser | undefined> {
  const known = await findUser(request);
  if (known?.isByCookie === true) await checkPage(request);
  return known?.user;
}

/** Cookies are for browsers, which say where a request comes from; one that does not say it may be forged. */
async function checkPage(request: FastifyRequest): Promise<void> {
  const { origin, trustedOrigins } = authUsersOf(request).config;
  await pageBoundary({ isOpen: false, ownUrls: [origin], allowOrigins: trustedOrigins })(request);
  const { method, headers } = request;
  if (method === "GET" || method === "HEAD") return;
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return;
  throw new HttpError(403, "cross_site", "a request with a cookie must say its Origin; others send a token");
}

/** Whom the credentials of a request stand for; looked up once. */
export function findUser(request: FastifyRequest): Promise<FoundUser | undefined> {
  const known = found.get(request.raw);
  if (known !== undefined) return known;
  const finding = lookUp(request);
  found.set(request.raw, finding);
  return finding;
}

/** A credential that does not work is a security event: it ended, or it is a guess. */
async function lookUp(request: FastifyRequest): Promise<FoundUser | undefined> {
  const { headers } = request;
  const user = await authUsersOf(request).find(headers);
  const credential = user === undefined ? credentialOf(headers) : undefined;
  if (credential !== undefined) logUserEvent(request, eventOf(credential), { outcome: "unknown" });
  return user;
}

function eventOf(credential: string): string {
  return credential.startsWith(accessTokenPrefix) ? "access-token" : "api-key";
}

/** Extends a session that is due, and sends its cookie again. */
export async function renewSession(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if ((await findUser(request))?.isDue !== true) return;
  const cookies = await authUsersOf(request).renew(request.headers.cookie ?? "");
  if (cookies.length > 0)
    reply.header("set-cookie", [reply.getHeader("set-cookie") ?? [], cookies].flat(2).map(String));
}
