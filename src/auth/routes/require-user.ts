import type { FastifyReply, FastifyRequest } from "fastify";
import { type AnyRequest, forbidden, HttpError, requestOf, unauthorized } from "../../http/index.js";
import { checkGivenOptions, type OptionRules } from "../../kernel/index.js";
import type { AuthUser } from "../auth-user.js";
import { checkedUser, renewSession } from "./current-user.js";

/** A hook of a route: `onRequest`, `preValidation` or `preHandler`. */
export type UserHook = (request: AnyRequest, reply: object) => Promise<void>;

/** How a user must have proved who they are. */
export interface RequireUserOptions {
  /** The longest time since the user proved it: `"10m"`, `"2h"`, `"30s"` or `"1d"`. */
  readonly fresh?: `${number}${"s" | "m" | "h" | "d"}` | undefined;
  /** Factors that were proved. Default: 1. */
  readonly factor?: 1 | 2 | undefined;
}

const rules: OptionRules<RequireUserOptions> = {
  call: "requireUser",
  kinds: { fresh: "string", factor: "number" },
  instead: { role: "requireRole(role)", scope: "requireScope(scope)" },
};

/**
 * Admits only users, and puts the user into `request.user`. A page of another origin cannot use their cookies to
 * change something.
 *
 * @returns a hook that throws HttpError: 401 `unauthorized`, 401 `stale_session`, 403 `second_factor_required`, 403
 * `cross_site`.
 * @throws TypeError for an invalid duration.
 * @example
 * app.get("/me", { preHandler: requireUser() }, async ({ user }) => ({ id: user?.id }));
 * app.delete("/account", { preHandler: requireUser({ fresh: "10m", factor: 2 }) }, eraseAccount);
 */
export function requireUser(options: RequireUserOptions = {}): UserHook {
  checkGivenOptions(options, rules);
  const freshMs = options.fresh === undefined ? undefined : millisecondsOf(options.fresh);
  const { factor = 1 } = options;
  return async (request, reply) => {
    checkProof(await userOf(request, reply), freshMs, factor);
  };
}

/**
 * Admits only members of the active organisation who have one of the roles.
 *
 * @returns a hook that throws HttpError: those of {@link requireUser}, and 403 `forbidden`.
 * @example
 * app.delete("/projects/:id", { preHandler: requireRole("owner", "admin") }, deleteProject);
 */
export function requireRole(...roles: readonly [string, ...string[]]): UserHook {
  return async (request, reply) => {
    const user = await userOf(request, reply);
    if (user.tenant !== undefined && user.roles.some((role) => roles.includes(role))) return;
    throw forbidden(`this needs the role ${roles.join(" or ")} in the active organisation`);
  };
}

/**
 * Admits users, and API keys that have all the scopes. A user who is signed in needs none.
 *
 * @returns a hook that throws HttpError: those of {@link requireUser}, and 403 `missing_scope`.
 * @example
 * app.get("/reports", { preHandler: requireScope("reports:read") }, listReports);
 */
export function requireScope(...scopes: readonly [string, ...string[]]): UserHook {
  return async (request, reply) => {
    const { apiKey } = await userOf(request, reply);
    const missing = scopes.find((scope) => apiKey?.scopes.includes(scope) === false);
    if (missing === undefined) return;
    throw new HttpError(403, "missing_scope", `this needs an API key with the scope ${missing}`);
  };
}

async function userOf(from: AnyRequest, reply: object): Promise<AuthUser> {
  const request = requestOf(from);
  const user = await knownUser(request);
  await renewSession(request, reply as FastifyReply);
  request.user = user;
  return user;
}

/**
 * Who made a request.
 *
 * @throws HttpError (401) without a user, (403) when a page of another origin uses a cookie.
 */
export async function knownUser(request: FastifyRequest): Promise<AuthUser> {
  const user = await checkedUser(request);
  if (user === undefined) throw unauthorized(hasCredentials(request));
  return user;
}

function hasCredentials({ headers }: FastifyRequest): boolean {
  return [headers.cookie, headers.authorization, headers["x-api-key"]].some((each) => each !== undefined);
}

/** @throws HttpError (401, 403) when the proof of a user is too old, or of too few factors. */
export function checkProof({ session }: AuthUser, freshMs: number | undefined, factor: number): void {
  if (factor > 1 && (session?.factor ?? 0) < factor) {
    throw new HttpError(403, "second_factor_required", "this needs a second factor");
  }
  if (freshMs === undefined) return;
  if (session === undefined || Date.now() - session.createdAt.getTime() > freshMs) {
    throw new HttpError(401, "stale_session", "this needs a new sign-in");
  }
}

const unitsMs = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

function millisecondsOf(time: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(time) ?? [];
  const unitMs = unitsMs.get(unit);
  if (unitMs === undefined) throw new TypeError(`'fresh' must be a duration like 10m or 2h, not '${time}'`);
  return Number(count) * unitMs;
}
