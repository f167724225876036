import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { type AnyApp, type AnyRequest, fastifyOf, HttpError, loggedRequest } from "../http/index.js";
import {
  type Environment,
  loadPeer,
  loadSettings,
  readEnvironment,
  refuseForeignAddress,
} from "../kernel/index.js";
import { getMail } from "../mail/index.js";
import { getSqlDb } from "../sql/index.js";
import type { Storage } from "../storage/index.js";
import { getTenancy } from "../tenancy/index.js";
import { storedFiles } from "./account/stored-files.js";
import { authConfig } from "./auth-config.js";
import type { AuthUsers } from "./auth-users.js";
import { namesOf, type OidcProvider } from "./providers/providers.js";
import { authUsersOf, getCurrentUser } from "./routes/current-user.js";
import { kitRoutes } from "./routes/kit-routes.js";
import { libraryRoutes } from "./routes/library-routes.js";
import { type AuthOptions, authInputs } from "./settings.js";

/** Options of {@link addAuthUsers}. Each setting beats its variable. */
export interface AddAuthUsersOptions extends AuthOptions {
  /** Path of the routes, below the prefix of the app. Default: `/auth`. */
  readonly routesPrefix?: string | undefined;
  /** OpenID Connect providers beside the one that the environment names. */
  readonly oidcProviders?: readonly OidcProvider[] | undefined;
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
}

/**
 * Gives an app users: sign-up with a confirmed address, sign-in with a lock against guessing, sessions, a second factor
 * and organisations, over Better Auth. Decorates the app with `app.authUsers`. Needs `addSqlDb` and `addMail` before it, and
 * the tables of its migration group. With `addTenancy`, before or after it, the active organisation is the tenant.
 *
 * @throws ConfigurationError that names each variable at fault, or what is missing.
 * @example
 * await addSqlDb(app);
 * await addMail(app);
 * await addAuthUsers(app);
 * app.get("/me", { preHandler: requireUser() }, async ({ user }) => ({ id: user?.id }));
 */
export async function addAuthUsers(app: AnyApp, options: AddAuthUsersOptions = {}): Promise<AuthUsers> {
  const fastify = fastifyOf(app);
  await fastify.register(authUsersPlugin, options);
  return fastify.authUsers;
}

/** {@link addAuthUsers} as a plugin. */
export const authUsersPlugin: FastifyPluginAsync<AddAuthUsersOptions> = fastifyPlugin(mount, {
  name: "svc-infra/auth",
  fastify: "5.x",
});

/**
 * The users of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * const authUsers = getAuthUsers(request);
 */
export function getAuthUsers(from: AnyApp | AnyRequest): AuthUsers {
  return authUsersOf(from);
}

/** A request that a page of another origin may have sent acts for no tenant; whether that matters, its route decides. */
async function tenantOfUser(request: AnyRequest): Promise<string | undefined> {
  try {
    return (await getCurrentUser(request))?.tenant;
  } catch (error) {
    if (error instanceof HttpError && error.code === "cross_site") return undefined;
    throw error;
  }
}

async function mount(app: FastifyInstance, options: AddAuthUsersOptions): Promise<void> {
  const { env = readEnvironment(), routesPrefix = "/auth", oidcProviders = [], ...given } = options;
  const settings = loadSettings(authInputs, env, given);
  refuseForeignAddress(authInputs, env, given, {
    setting: "oidcDiscoveryUrl",
    address: settings.oidcDiscoveryUrl,
    secrets: ["oidcClientSecret"],
  });
  const config = authConfig(settings, env, app.prefix + routesPrefix, oidcProviders);
  const parts = { db: getSqlDb(app).db, mail: getMail(app), log: app.log };
  const opened = await loadPeer("better-auth", "addAuthUsers", () => import("./auth-users.js"));
  const users = new opened.AuthUsers(config, parts);
  const storage = () => (app.hasDecorator("storage") ? app.getDecorator<Storage>("storage") : undefined);
  users.accounts.add("files", storedFiles(storage));
  app.decorate("authUsers", users);
  app.decorateRequest("user", undefined);
  const redacted: { readonly prefix: string } = { prefix: routesPrefix, ...redaction };
  await app.register((scope) => libraryRoutes(scope, users), redacted);
  await app.register((scope) => kitRoutes(scope, users), { prefix: routesPrefix });
  // Tenancy and jobs may be added after the users.
  app.addHook("onReady", async () => {
    if (app.hasDecorator("tenancy")) getTenancy(app).identify(tenantOfUser);
    warnOfLostMail(app);
  });
  app.addHook("onClose", () => users.close());
  const reason = settings.secret === undefined ? "AUTH_SECRET is not set" : "AUTH_SECRET is set";
  app.log.info(
    { origin: config.origin, reason, providers: namesOf(config.providers) },
    `users sign in at ${config.origin}${config.basePath}: ${reason}`,
  );
  if (settings.secret === undefined)
    app.log.warn("AUTH_SECRET is not set: all users are signed out by a restart");
}

/** Links of mails and answers of providers have tokens in their URLs. */
const redaction = { logSerializers: { req: loggedRequest } };

function warnOfLostMail(app: FastifyInstance): void {
  if (getMail(app).isQueued) return;
  app.log.warn(
    "mails to users are not sent by jobs: one that the mail server does not take is lost; give mailJobs(app) to addJobs",
  );
}
