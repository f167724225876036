import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import type { AuthConfig } from "./auth-config.js";
import { type FoundUser, rolesOf } from "./auth-user.js";
import { cookiePrefix, sessionCookie, signedCookie } from "./cookies.js";
import { credentialHash } from "./credentials.js";
import { authMembers, authSessions, authUsers } from "./schema.js";
import { SignedValues } from "./signed-values.js";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** A part of the idle time after which a session is renewed: each request would cost a write otherwise. */
const renewAfterPart = 0.1;

/** Finds the session of a request: the signature of its cookie, and one look into the database. */
export class Sessions {
  readonly #db: Database;
  readonly #values: SignedValues;
  readonly #cookie: string;
  readonly #unremembered: string;
  readonly #idleMs: number;
  readonly #maxMs: number;
  readonly #byToken: ReturnType<typeof sessionByToken>;

  constructor(db: Database, config: AuthConfig) {
    this.#db = db;
    this.#byToken = sessionByToken(db);
    this.#values = new SignedValues(config.secrets);
    this.#cookie = sessionCookie(config.isSecure);
    this.#unremembered = `${cookiePrefix(config.isSecure)}.dont_remember=`;
    this.#idleMs = config.sessionIdleMinutes * minuteMs;
    this.#maxMs = config.sessionMaxDays * dayMs;
  }

  /** Seconds from one renewal to the next. */
  static renewAfterSeconds(config: AuthConfig): number {
    return Math.floor(config.sessionIdleMinutes * 60 * renewAfterPart);
  }

  /** The session that a `Cookie` header names; none when it ended, was revoked, or has no valid signature. */
  async find(cookieHeader: string | undefined): Promise<FoundUser | undefined> {
    const token = signedCookie(cookieHeader, this.#cookie, this.#values);
    if (token === undefined) return undefined;
    const [row] = await this.#byToken.execute({ hash: credentialHash(token) });
    if (row === undefined) return undefined;
    const now = Date.now();
    const { session, user, role } = row;
    if (session.expiresAt.getTime() <= now) return undefined;
    if (session.createdAt.getTime() + this.#maxMs <= now) {
      await this.#db.delete(authSessions).where(eq(authSessions.id, session.id));
      return undefined;
    }
    const isOld = session.expiresAt.getTime() - this.#idleMs * (1 - renewAfterPart) <= now;
    // A session that ends with its browser is never extended.
    const isDue = isOld && cookieHeader?.includes(this.#unremembered) !== true;
    const tenant = role === null ? undefined : (session.tenant ?? undefined);
    const { tenant: _, ...known } = session;
    const found = { ...user, session: known, apiKey: undefined, tenant, roles: rolesOf(role) };
    return { user: found, isByCookie: true, isDue };
  }
}

/** Built once: building a statement takes longer than reading its answer. */
function sessionByToken(db: Database) {
  return db
    .select({
      session: {
        id: authSessions.id,
        createdAt: authSessions.createdAt,
        expiresAt: authSessions.expiresAt,
        factor: authSessions.factor,
        tenant: authSessions.activeOrganizationId,
      },
      user: { id: authUsers.id, email: authUsers.email, name: authUsers.name },
      role: authMembers.role,
    })
    .from(authSessions)
    .innerJoin(authUsers, eq(authUsers.id, authSessions.userId))
    .leftJoin(
      authMembers,
      and(
        eq(authMembers.userId, authSessions.userId),
        eq(authMembers.organizationId, authSessions.activeOrganizationId),
      ),
    )
    .where(eq(authSessions.token, sql.placeholder("hash")))
    .limit(1)
    .prepare("");
}
