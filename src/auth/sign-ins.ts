import { and, desc, eq, gt, isNull, ne, sql } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import type { AuthConfig } from "./auth-config.js";
import { authSessions, authTokens } from "./schema.js";
import { endTokens } from "./tokens/token-families.js";

/** A sign-in that has not ended: the session of a browser, or the tokens of a client without cookies. */
export interface SignIn {
  readonly id: string;
  readonly kind: "browser" | "tokens";
  /** When the user proved who they are. */
  readonly startedAt: Date;
  /** When it was last extended: a session by use, tokens by a refresh. */
  readonly renewedAt: Date;
  /** When it ends unless it is extended. */
  readonly expiresAt: Date;
  /** How many factors were proved: 1 or 2. */
  readonly factor: number;
  readonly tenant: string | null;
  /** Address of the client that signed in. */
  readonly address: string | null;
  readonly userAgent: string | null;
}

/** The sign-ins of users, by id: none of their secrets is told. */
export class SignIns {
  readonly #db: Database;
  readonly #maxDays: number;
  readonly #accessMs: number;

  constructor(db: Database, { sessionMaxDays, accessTokenMinutes }: AuthConfig) {
    this.#db = db;
    this.#maxDays = sessionMaxDays;
    this.#accessMs = accessTokenMinutes * 60_000;
  }

  /** Those of a user, the newest first. */
  async list(userId: string): Promise<readonly SignIn[]> {
    const all = [...(await this.#browsers(userId)), ...(await this.#families(userId))];
    return all.sort((one, other) => other.startedAt.getTime() - one.startedAt.getTime());
  }

  /** Ends one. @returns whether the user had it. */
  async end(userId: string, id: string): Promise<boolean> {
    const browsers = await this.#db
      .delete(authSessions)
      .where(and(eq(authSessions.userId, userId), eq(authSessions.id, id)))
      .returning({ id: authSessions.id });
    const isOfTokens = and(eq(authTokens.userId, userId), eq(authTokens.family, id));
    return (await endTokens(this.#db, isOfTokens)) || browsers.length > 0;
  }

  /** Ends all sessions of a user except one. */
  async endOthers(userId: string, id: string): Promise<void> {
    await this.#db.delete(authSessions).where(and(eq(authSessions.userId, userId), ne(authSessions.id, id)));
    await endTokens(this.#db, and(eq(authTokens.userId, userId), ne(authTokens.family, id)));
  }

  async #browsers(userId: string): Promise<readonly SignIn[]> {
    const youngest = sql`now() - make_interval(days => ${this.#maxDays})`;
    const isAlive = and(gt(authSessions.expiresAt, sql`now()`), gt(authSessions.createdAt, youngest));
    const rows = await this.#db
      .select({
        id: authSessions.id,
        startedAt: authSessions.createdAt,
        renewedAt: authSessions.updatedAt,
        expiresAt: authSessions.expiresAt,
        factor: authSessions.factor,
        tenant: authSessions.activeOrganizationId,
        address: authSessions.ipAddress,
        userAgent: authSessions.userAgent,
      })
      .from(authSessions)
      .where(and(eq(authSessions.userId, userId), isAlive))
      .orderBy(desc(authSessions.createdAt));
    return rows.map((row) => ({ ...row, kind: "browser" }));
  }

  /** The one pair of each family that was not replaced. */
  async #families(userId: string): Promise<readonly SignIn[]> {
    const isAlive = and(isNull(authTokens.usedAt), gt(authTokens.expiresAt, sql`now()`));
    const rows = await this.#db
      .select({
        id: authTokens.family,
        startedAt: authTokens.startedAt,
        accessExpiresAt: authTokens.accessExpiresAt,
        expiresAt: authTokens.expiresAt,
        factor: authTokens.factor,
        tenant: authTokens.tenant,
        address: authTokens.ipAddress,
        userAgent: authTokens.userAgent,
      })
      .from(authTokens)
      .where(and(eq(authTokens.userId, userId), isAlive));
    return rows.map(({ accessExpiresAt, ...row }) => {
      const renewedAt = new Date(accessExpiresAt.getTime() - this.#accessMs);
      return { ...row, renewedAt, kind: "tokens" };
    });
  }
}
