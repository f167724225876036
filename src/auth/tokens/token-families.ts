import { randomUUID } from "node:crypto";
import { and, eq, gt, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { Database } from "../../sql/index.js";
import type { AuthConfig } from "../auth-config.js";
import { type FoundUser, rolesOf } from "../auth-user.js";
import { accessTokenPrefix, credentialHash, newCredential } from "../credentials.js";
import { authMembers, authSessions, authTokens, authUsers } from "../schema.js";
import { SignedValues } from "../signed-values.js";

const refreshTokenPrefix = "svcr_";

/** Two tokens of a client without cookies. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Seconds that the access token works (RFC 6749 §5.1). */
  readonly expiresIn: number;
}

/** Tokens, and whose they are. */
export interface IssuedTokens {
  readonly pair: TokenPair;
  readonly userId: string;
}

/** What a refresh comes to; a token that was used before still tells whose it is. */
export type Refreshed =
  | IssuedTokens
  | { readonly refused: "unknown" | "reused"; readonly userId: string | undefined };

/** How long tokens work, and what the sessions are signed with that they begin with. */
export type TokenSettings = Pick<
  AuthConfig,
  "accessTokenMinutes" | "sessionIdleMinutes" | "sessionMaxDays" | "secrets"
>;

type Family = Pick<
  typeof authTokens.$inferInsert,
  "family" | "userId" | "tenant" | "factor" | "startedAt" | "ipAddress" | "userAgent"
>;

/**
 * Tokens for clients that keep no cookies (RFC 9700 §4.14.2): each refresh token works once and is replaced. A token
 * that is used a second time was stolen, so that its whole family ends.
 */
export class TokenFamilies {
  readonly #db: Database;
  readonly #values: SignedValues;
  readonly #accessMs: number;
  readonly #idleMs: number;
  readonly #maxMs: number;
  readonly #byAccess: ReturnType<typeof tokenByAccess>;

  constructor(
    db: Database,
    { accessTokenMinutes, sessionIdleMinutes, sessionMaxDays, secrets }: TokenSettings,
  ) {
    this.#db = db;
    this.#byAccess = tokenByAccess(db);
    this.#values = new SignedValues(secrets);
    this.#accessMs = accessTokenMinutes * 60_000;
    this.#idleMs = sessionIdleMinutes * 60_000;
    this.#maxMs = sessionMaxDays * 86_400_000;
  }

  /**
   * Turns a session into a family: the session ends with that.
   *
   * @param signed - the `token` that a sign-in answered, or the value of its cookie. A token without its signature is no
   * proof: the database and other answers may have told it.
   */
  async begin(signed: string): Promise<IssuedTokens | undefined> {
    const token = this.#values.verify(signed);
    if (token === undefined) return undefined;
    const oldest = new Date(Date.now() - this.#maxMs);
    // One transaction: who ends the session and then the tokens, at the same time, finds one of the two.
    return this.#db.transaction(async (transaction) => {
      const [session] = await transaction
        .delete(authSessions)
        .where(and(eq(authSessions.token, token), gt(authSessions.expiresAt, sql`now()`)))
        .returning();
      if (session === undefined || session.createdAt <= oldest) return undefined;
      // Used tokens are kept as long as their family may live, as a second use ends it.
      await transaction.delete(authTokens).where(lt(authTokens.startedAt, oldest));
      const { userId, factor, activeOrganizationId: tenant, createdAt, ipAddress, userAgent } = session;
      const begun = {
        family: randomUUID(),
        userId,
        factor,
        tenant,
        startedAt: createdAt,
        ipAddress,
        userAgent,
      };
      return this.#issue(begun, transaction);
    });
  }

  /** Replaces a refresh token. */
  async refresh(refreshToken: string): Promise<Refreshed> {
    const hash = credentialHash(refreshToken);
    // One transaction: a second use at the same time waits for the new pair, and ends it with the family.
    const issued = await this.#db.transaction(async (transaction) => {
      const isUsable = and(
        eq(authTokens.refreshHash, hash),
        isNull(authTokens.usedAt),
        gt(authTokens.expiresAt, sql`now()`),
      );
      const [used] = await transaction
        .update(authTokens)
        .set({ usedAt: sql`now()` })
        .where(isUsable)
        .returning();
      return used === undefined ? undefined : this.#issue(used, transaction);
    });
    if (issued !== undefined) return issued;
    const userId = await this.#endFamilyOf(hash);
    return { refused: userId === undefined ? "unknown" : "reused", userId };
  }

  /**
   * Ends the family of a refresh token (RFC 7009); does nothing for an unknown one.
   *
   * @returns the id of its user.
   */
  revoke(refreshToken: string): Promise<string | undefined> {
    return this.#endFamilyOf(credentialHash(refreshToken));
  }

  /** Ends all families of a user. */
  async revokeAll(userId: string): Promise<void> {
    await endTokens(this.#db, eq(authTokens.userId, userId));
  }

  /** Whom an access token stands for. */
  async find(accessToken: string): Promise<FoundUser | undefined> {
    const [row] = await this.#byAccess.execute({ access: credentialHash(accessToken) });
    if (row === undefined) return undefined;
    const { family, startedAt, expiresAt, factor, tenant } = row.token;
    const user = {
      ...row.user,
      session: { id: family, createdAt: startedAt, expiresAt, factor },
      apiKey: undefined,
      tenant: row.role === null ? undefined : (tenant ?? undefined),
      roles: rolesOf(row.role),
    };
    return { user, isByCookie: false, isDue: false };
  }

  async #issue(
    { family, userId, tenant, factor, startedAt, ipAddress, userAgent }: Family,
    db: Database = this.#db,
  ): Promise<IssuedTokens> {
    const accessToken = newCredential(accessTokenPrefix);
    const refreshToken = newCredential(refreshTokenPrefix);
    const now = Date.now();
    await db.insert(authTokens).values({
      id: randomUUID(),
      ...{ family, userId, tenant, factor, startedAt, ipAddress, userAgent },
      accessHash: credentialHash(accessToken),
      accessExpiresAt: new Date(now + this.#accessMs),
      refreshHash: credentialHash(refreshToken),
      expiresAt: new Date(Math.min(now + this.#idleMs, startedAt.getTime() + this.#maxMs)),
    });
    return { pair: { accessToken, refreshToken, expiresIn: this.#accessMs / 1000 }, userId };
  }

  async #endFamilyOf(refreshHash: string): Promise<string | undefined> {
    const [token] = await this.#db
      .select({ family: authTokens.family, userId: authTokens.userId })
      .from(authTokens)
      .where(eq(authTokens.refreshHash, refreshHash));
    if (token === undefined) return undefined;
    await endTokens(this.#db, eq(authTokens.family, token.family));
    return token.userId;
  }
}

/**
 * Ends tokens. A statement does not see the pair of a refresh that commits while it waits for it: the next one does.
 *
 * @returns whether there were any.
 */
export async function endTokens(db: Database, which: SQL | undefined): Promise<boolean> {
  for (let isAny = false; ; isAny = true) {
    const ended = await db.delete(authTokens).where(which).returning({ id: authTokens.id });
    if (ended.length === 0) return isAny;
  }
}

/** Built once: building a statement takes longer than reading its answer. */
function tokenByAccess(db: Database) {
  return db
    .select({
      token: authTokens,
      user: { id: authUsers.id, email: authUsers.email, name: authUsers.name },
      role: authMembers.role,
    })
    .from(authTokens)
    .innerJoin(authUsers, eq(authUsers.id, authTokens.userId))
    .leftJoin(
      authMembers,
      and(eq(authMembers.userId, authTokens.userId), eq(authMembers.organizationId, authTokens.tenant)),
    )
    .where(
      and(
        eq(authTokens.accessHash, sql.placeholder("access")),
        gt(authTokens.accessExpiresAt, sql`now()`),
        gt(authTokens.expiresAt, sql`now()`),
      ),
    )
    .limit(1)
    .prepare("");
}
