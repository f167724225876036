import type { FastifyReply, FastifyRequest } from "fastify";
import { type AnyRequest, appOf, requestOf } from "../../http/index.js";
import { ConfigurationError } from "../../kernel/index.js";
import type { AuthUser } from "../auth-user.js";
import type { AuthUsers } from "../auth-users.js";
import type { FoundSession } from "../sessions.js";

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

const found = new WeakMap<object, Promise<FoundSession | undefined>>();

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
 * Who made a request; `undefined` for nobody known. Looked up once for each request.
 *
 * @throws ConfigurationError without `addAuthUsers`.
 * @example
 * const user = await getCurrentUser(request);
 */
export async function getCurrentUser(request: AnyRequest): Promise<AuthUser | undefined> {
  return (await findOnce(requestOf(request)))?.user;
}

/** As {@link getCurrentUser}; a session that is due is extended, and its cookie sent again. */
export async function renewedUser(
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<AuthUser | undefined> {
  const session = await findOnce(request);
  if (session?.isDue === true) await renew(request, reply);
  return session?.user;
}

function findOnce(request: FastifyRequest): Promise<FoundSession | undefined> {
  const known = found.get(request.raw);
  if (known !== undefined) return known;
  const finding = authUsersOf(request).sessions.find(request.headers.cookie);
  found.set(request.raw, finding);
  return finding;
}

async function renew(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const cookies = await authUsersOf(request).renew(request.headers.cookie ?? "");
  if (cookies.length > 0)
    reply.header("set-cookie", [reply.getHeader("set-cookie") ?? [], cookies].flat(2).map(String));
}
