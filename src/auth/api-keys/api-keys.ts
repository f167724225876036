import { randomUUID } from "node:crypto";
import { and, desc, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Database } from "../../sql/index.js";
import { type FoundUser, rolesOf } from "../auth-user.js";
import { apiKeyPrefix, credentialHash, newCredential } from "../credentials.js";
import { authApiKeys, authMembers, authUsers } from "../schema.js";

const shownLength = apiKeyPrefix.length + 8;

/** An API key without its secret. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** How it begins. */
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly tenant: string | null;
  readonly expiresAt: Date | null;
  /** To the minute. */
  readonly lastUsedAt: Date | null;
  /** When a rotation made the key that replaces it. */
  readonly replacedAt: Date | null;
  readonly createdAt: Date;
}

/** What a new key is to be. */
export interface NewApiKey {
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tenant?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

/** A new key. `key` is returned only here; only its hash is stored. */
export interface CreatedApiKey extends ApiKey {
  readonly key: string;
}

/** A use is noted to the minute: each request would cost a write otherwise. */
const isUseNoted = sql<boolean>`coalesce(${authApiKeys.lastUsedAt} > now() - interval '1 minute', false)`;

const shown = {
  id: authApiKeys.id,
  name: authApiKeys.name,
  prefix: authApiKeys.prefix,
  scopes: authApiKeys.scopes,
  tenant: authApiKeys.tenant,
  expiresAt: authApiKeys.expiresAt,
  lastUsedAt: authApiKeys.lastUsedAt,
  replacedAt: authApiKeys.replacedAt,
  createdAt: authApiKeys.createdAt,
};

/** The keys of programs that act for users. The database has only their hashes. */
export class ApiKeys {
  readonly #db: Database;
  readonly #byHash: ReturnType<typeof keyByHash>;

  constructor(db: Database) {
    this.#db = db;
    this.#byHash = keyByHash(db);
  }

  /** Makes a key of a user, for one tenant or for none. */
  create({ tenant, expiresAt, ...rest }: NewApiKey): Promise<CreatedApiKey> {
    return insertKey(this.#db, { ...rest, tenant: tenant ?? null, expiresAt: expiresAt ?? null });
  }

  /** The keys of a user, the newest first. */
  list(userId: string): Promise<readonly ApiKey[]> {
    return this.#db
      .select(shown)
      .from(authApiKeys)
      .where(eq(authApiKeys.userId, userId))
      .orderBy(desc(authApiKeys.createdAt));
  }

  /** Ends a key at once. @returns whether the user had it. */
  async revoke(userId: string, id: string): Promise<boolean> {
    const ended = await this.#db
      .delete(authApiKeys)
      .where(isOf(userId, id))
      .returning({ id: authApiKeys.id });
    return ended.length > 0;
  }

  /**
   * Makes a key that replaces another: both work until `overlapMs` have passed.
   *
   * @returns the new one; `undefined` when the user has no such key, it has ended, or it was replaced already.
   */
  rotate(userId: string, id: string, overlapMs: number): Promise<CreatedApiKey | undefined> {
    return this.#db.transaction(async (transaction) => {
      const isReplaceable = and(isOf(userId, id), isValid(), isNull(authApiKeys.replacedAt));
      // A second rotation at the same time waits here, and then finds none.
      const [old] = await transaction.select(shown).from(authApiKeys).where(isReplaceable).for("update");
      if (old === undefined) return undefined;
      const end = sql`now() + make_interval(secs => ${overlapMs / 1000})`;
      await transaction
        .update(authApiKeys)
        .set({ replacedAt: sql`now()`, expiresAt: sql`least(${authApiKeys.expiresAt}, ${end})` })
        .where(eq(authApiKeys.id, id));
      const { name, scopes, tenant, expiresAt } = old;
      return insertKey(transaction, { userId, name, scopes, tenant, expiresAt });
    });
  }

  /** The user that a key stands for; none when it ended, or its user left the tenant. */
  async find(key: string): Promise<FoundUser | undefined> {
    const [row] = await this.#byHash.execute({ hash: credentialHash(key) });
    if (row === undefined || (row.key.tenant !== null && row.role === null)) return undefined;
    const { id, scopes, tenant, isUseNoted: isNoted } = row.key;
    if (!isNoted) await this.#noteUse(id);
    const user = {
      ...row.user,
      session: undefined,
      apiKey: { id, scopes },
      tenant: tenant ?? undefined,
      roles: rolesOf(row.role),
    };
    return { user, isByCookie: false, isDue: false };
  }

  async #noteUse(id: string): Promise<void> {
    await this.#db.update(authApiKeys).set({ lastUsedAt: sql`now()` }).where(eq(authApiKeys.id, id));
  }
}

type KeyFacts = Pick<typeof authApiKeys.$inferSelect, "userId" | "name" | "tenant" | "expiresAt"> &
  Pick<NewApiKey, "scopes">;

async function insertKey(db: Database, { scopes, ...facts }: KeyFacts): Promise<CreatedApiKey> {
  const key = newCredential(apiKeyPrefix);
  const row = {
    ...facts,
    id: randomUUID(),
    scopes: [...scopes],
    prefix: key.slice(0, shownLength),
    hash: credentialHash(key),
  };
  const [created] = await db.insert(authApiKeys).values(row).returning(shown);
  if (created === undefined) throw new Error("the database returned no row for the new API key");
  return { ...created, key };
}

function isOf(userId: string, id: string) {
  return and(eq(authApiKeys.userId, userId), eq(authApiKeys.id, id));
}

function isValid() {
  return or(isNull(authApiKeys.expiresAt), gt(authApiKeys.expiresAt, sql`now()`));
}

/** Built once: building a statement takes longer than reading its answer. */
function keyByHash(db: Database) {
  return db
    .select({
      key: { id: authApiKeys.id, scopes: authApiKeys.scopes, tenant: authApiKeys.tenant, isUseNoted },
      user: { id: authUsers.id, email: authUsers.email, name: authUsers.name },
      role: authMembers.role,
    })
    .from(authApiKeys)
    .innerJoin(authUsers, eq(authUsers.id, authApiKeys.userId))
    .leftJoin(
      authMembers,
      and(eq(authMembers.userId, authApiKeys.userId), eq(authMembers.organizationId, authApiKeys.tenant)),
    )
    .where(and(eq(authApiKeys.hash, sql.placeholder("hash")), isValid()))
    .limit(1)
    .prepare("");
}
