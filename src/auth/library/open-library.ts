import { randomUUID } from "node:crypto";
import { APIError, createAuthMiddleware } from "better-auth/api";
import { deleteSessionCookie, setSessionCookie } from "better-auth/cookies";
import { betterAuth } from "better-auth/minimal";
import { Attempts } from "../attempts.js";
import type { AuthConfig } from "../auth-config.js";
import { cookiePrefix, signedCookie, valueOfSetCookie } from "../cookies.js";
import { Sessions } from "../sessions.js";
import { SignedValues } from "../signed-values.js";
import { GuardError, type GuardedCall, Guards, normalAddress, takesPassword } from "./guards.js";
import { type LibraryParts, libraryOptions } from "./library-options.js";

/** The library as the kit uses it: requests in, answers out. */
export interface AuthLibrary {
  readonly handler: (request: Request) => Promise<Response>;
}

type Context = Parameters<Parameters<typeof createAuthMiddleware>[0]>[0];

const deviceMaxAgeSeconds = 365 * 24 * 60 * 60;

/** Routes that end the user's other sessions and tokens. */
const endsOthers: ReadonlySet<string> = new Set(["/change-password", "/revoke-sessions"]);

/** Opens the library with the rules of the kit around it. */
export function openLibrary(config: AuthConfig, parts: LibraryParts): AuthLibrary {
  const hooks = new LibraryHooks(config, parts);
  return betterAuth({
    ...libraryOptions(config, parts, ({ user }, request) => hooks.passwordReset(user, request)),
    hooks: {
      before: createAuthMiddleware((context) => hooks.before(context)),
      after: createAuthMiddleware((context) => hooks.after(context)),
    },
    databaseHooks: {
      session: {
        create: {
          before: async (session, context) =>
            isFactorPath(context?.path) ? { data: { ...session, factor: 2 } } : undefined,
        },
      },
    },
  });
}

/** What happens around the routes of the library. */
class LibraryHooks {
  readonly #guards: Guards;
  readonly #sessions: Sessions;
  readonly #values: SignedValues;
  readonly #tokens: LibraryParts["tokens"];
  readonly #accounts: LibraryParts["accounts"];
  readonly #deviceCookie: string;
  readonly #resets = new WeakMap<Request, string>();

  constructor(config: AuthConfig, { db, tokens, accounts }: LibraryParts) {
    this.#tokens = tokens;
    this.#accounts = accounts;
    this.#guards = new Guards(new Attempts(db), config);
    this.#sessions = new Sessions(db, config);
    this.#values = new SignedValues(config.secrets);
    this.#deviceCookie = `${cookiePrefix(config.isSecure)}.device`;
  }

  async before(context: Context) {
    try {
      const body = await this.#guards.before(await this.#callOf(context));
      return Object.keys(body).length === 0 ? undefined : { context: { body } };
    } catch (error) {
      if (error instanceof GuardError) throw apiError(error);
      throw error;
    }
  }

  async after(context: Context): Promise<void> {
    const { returned, newSession } = context.context;
    if (returned instanceof Error) return;
    const call = await this.#callOf(context);
    if (call.path === "/sign-in/email" && newSession) await this.#afterSignIn(context, call);
    const address = context.request && this.#resets.get(context.request);
    if (address !== undefined) await this.#keepDevice(context, randomUUID(), address);
    if (takesPassword(call.path)) await this.#guards.proved(call);
    const { session } = context.context;
    if (session && endsOthers.has(call.path)) await this.#tokens.revokeAll(session.user.id);
    if (isFactorPath(call.path)) await this.#afterFactor(context, call);
  }

  /** Who has read the mail owns the address: their device counts for itself from now on, so that strangers cannot lock it. */
  async passwordReset({ id, email }: { id: string; email: string }, request?: Request): Promise<void> {
    if (request !== undefined) this.#resets.set(request, email);
    await this.#tokens.revokeAll(id);
  }

  async #callOf({ path, body, headers }: Context): Promise<GuardedCall> {
    const text: Record<string, unknown> = typeof body === "object" && body !== null ? body : {};
    const call = { path, body: text };
    const cookie = headers?.get("cookie") ?? undefined;
    if (path === "/sign-in/email") return { ...call, device: this.#deviceOf(cookie, text.email) };
    if (!takesPassword(path) && !path.startsWith("/two-factor/verify-")) return call;
    const { user } = (await this.#sessions.find(cookie)) ?? {};
    if (user === undefined) return call;
    const lacksFactor = (user.session?.factor ?? 0) < (await this.#accounts.factorsOf(user.id));
    return { ...call, userId: user.id, lacksFactor };
  }

  /** The device that a cookie names, if it was made for this address. */
  #deviceOf(cookie: string | undefined, email: unknown): string | undefined {
    if (typeof email !== "string") return undefined;
    const [device, address] = signedCookie(cookie, this.#deviceCookie, this.#values)?.split(" ") ?? [];
    return address === normalAddress(email) ? device : undefined;
  }

  async #afterSignIn(context: Context, call: GuardedCall): Promise<void> {
    await this.#guards.signedIn(call);
    await this.#keepDevice(context, call.device ?? randomUUID(), String(call.body.email));
  }

  async #keepDevice(context: Context, device: string, email: string): Promise<void> {
    await context.setSignedCookie(
      this.#deviceCookie,
      `${device} ${normalAddress(email)}`,
      context.context.secret,
      { ...context.context.authCookies.sessionToken.attributes, maxAge: deviceMaxAgeSeconds },
    );
  }

  async #afterFactor(context: Context, call: GuardedCall): Promise<void> {
    const { session, newSession } = context.context;
    const proved = newSession ?? session;
    if (!proved) return;
    if (call.path === "/two-factor/verify-totp") await this.#refuseReplay(context, call, proved);
    await this.#guards.proved({ ...call, userId: proved.user.id });
    if (newSession || !session) return;
    // A rise of privilege has a new id (OWASP ASVS 7.2.4).
    const risen = await context.context.internalAdapter.createSession(
      session.user.id,
      false,
      session.session,
    );
    await setSessionCookie(context, { session: risen, user: session.user });
    await context.context.internalAdapter.deleteSession(session.session.token);
  }

  async #refuseReplay(
    context: Context,
    call: GuardedCall,
    proved: NonNullable<Context["context"]["session"]>,
  ): Promise<void> {
    if (await this.#guards.isNewCode(proved.user.id, call.body.code)) return;
    if (context.context.newSession) {
      deleteSessionCookie(context);
      await context.context.internalAdapter.deleteSession(proved.session.token);
      context.context.setNewSession(null);
      await this.#distrustDevice(context);
    }
    throw apiError(new GuardError("INVALID_CODE", "the code was used before; wait for the next one"));
  }

  /** Ends the trust that the library has given the device already: the answer has its cookie. */
  async #distrustDevice({ context }: Context): Promise<void> {
    const { name } = context.createAuthCookie("trust_device");
    const value = valueOfSetCookie(context.responseHeaders?.getSetCookie() ?? [], name);
    const [, device] = this.#values.verify(value ?? "")?.split("!") ?? [];
    if (device !== undefined) await context.internalAdapter.deleteVerificationByIdentifier(device);
  }
}

function isFactorPath(path: string | undefined): boolean {
  return path === "/two-factor/verify-totp" || path === "/two-factor/verify-backup-code";
}

const statuses: Readonly<Record<string, "UNAUTHORIZED" | "FORBIDDEN">> = {
  UNAUTHORIZED: "UNAUTHORIZED",
  INVALID_CODE: "UNAUTHORIZED",
  SECOND_FACTOR_REQUIRED: "FORBIDDEN",
};

function apiError({ code, message, retryAfterMs }: GuardError): APIError {
  if (retryAfterMs === 0) return new APIError(statuses[code] ?? "BAD_REQUEST", { code, message });
  const headers = { "X-Retry-After": String(Math.ceil(retryAfterMs / 1000)) };
  return new APIError("TOO_MANY_REQUESTS", { code, message }, headers);
}
