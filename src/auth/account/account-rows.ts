import {
  and,
  eq,
  exists,
  getTableColumns,
  inArray,
  isNull,
  like,
  ne,
  notExists,
  or,
  type SQL,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Database } from "../../sql/index.js";
import {
  authAccounts,
  authApiKeys,
  authInvitations,
  authMembers,
  authOrganizations,
  authSessions,
  authTokens,
  authUsers,
  authVerifications,
} from "../schema.js";
import { endTokens } from "../tokens/token-families.js";
import type { DataSubject } from "./personal-data.js";

type Person = Pick<DataSubject, "id" | "email">;

const others = alias(authMembers, "others");

/** What the tables tell of a user: no password, no token, no hash, no secret of a second factor. */
export async function readRows(db: Database, { id, email }: Person) {
  const { userId: _, token: __, ...session } = getTableColumns(authSessions);
  const { hash: ___, userId: ____, ...apiKey } = getTableColumns(authApiKeys);
  const { family, startedAt, expiresAt, ipAddress, userAgent } = getTableColumns(authTokens);
  const { providerId: provider, accountId, scope, createdAt } = getTableColumns(authAccounts);
  const { id: organization, name, slug } = getTableColumns(authOrganizations);
  const [user] = await db.select().from(authUsers).where(eq(authUsers.id, id));
  return {
    user,
    accounts: await db
      .select({ provider, accountId, scope, createdAt })
      .from(authAccounts)
      .where(eq(authAccounts.userId, id)),
    sessions: await db.select(session).from(authSessions).where(eq(authSessions.userId, id)),
    tokens: await db
      .select({ family, startedAt, expiresAt, ipAddress, userAgent })
      .from(authTokens)
      .where(and(eq(authTokens.userId, id), isNull(authTokens.usedAt))),
    apiKeys: await db.select(apiKey).from(authApiKeys).where(eq(authApiKeys.userId, id)),
    organizations: await db
      .select({
        id: organization,
        name,
        slug,
        role: authMembers.role,
        joinedAt: authMembers.createdAt,
      })
      .from(authMembers)
      .innerJoin(authOrganizations, eq(organization, authMembers.organizationId))
      .where(eq(authMembers.userId, id)),
    invitations: await db
      .select()
      .from(authInvitations)
      .where(or(eq(authInvitations.email, email), eq(authInvitations.inviterId, id))),
  };
}

/** Organisations that have no other member than a user. */
export async function readOwnTenants(db: Database, userId: string): Promise<readonly string[]> {
  const rows = await db
    .select({ id: authMembers.organizationId })
    .from(authMembers)
    .where(and(eq(authMembers.userId, userId), notExists(otherMembers(db, userId))));
  return rows.map(({ id }) => id);
}

/** Organisations of which a user is the only owner, though they have other members. */
export function readOrphans(db: Database, userId: string) {
  const isOwner = like(authMembers.role, "%owner%");
  const otherOwner = otherMembers(db, userId, like(others.role, "%owner%"));
  const { id, name } = getTableColumns(authOrganizations);
  return db
    .select({ id, name })
    .from(authMembers)
    .innerJoin(authOrganizations, eq(id, authMembers.organizationId))
    .where(
      and(eq(authMembers.userId, userId), isOwner, exists(otherMembers(db, userId)), notExists(otherOwner)),
    );
}

/** The addresses of those who own an organisation. */
export async function readOwnerAddresses(db: Database, organization: string): Promise<readonly string[]> {
  const rows = await db
    .select({ email: authUsers.email })
    .from(authMembers)
    .innerJoin(authUsers, eq(authUsers.id, authMembers.userId))
    .where(and(eq(authMembers.organizationId, organization), like(authMembers.role, "%owner%")));
  return rows.map(({ email }) => email);
}

/** Ends every way in of a user, and every way into their own organisations. */
export async function endWaysIn(db: Database, { id, tenants }: DataSubject): Promise<void> {
  await db.delete(authSessions).where(eq(authSessions.userId, id));
  await endTokens(db, eq(authTokens.userId, id));
  await db.delete(authApiKeys).where(eq(authApiKeys.userId, id));
  await db.delete(authInvitations).where(inArray(authInvitations.organizationId, [...tenants]));
}

/** Erases the rows of a user; what refers to them goes with them. */
export async function eraseRows(db: Database, { id, email, tenants }: DataSubject): Promise<void> {
  await db.delete(authOrganizations).where(inArray(authOrganizations.id, [...tenants]));
  await db.delete(authInvitations).where(eq(authInvitations.email, email));
  await db.delete(authVerifications).where(like(authVerifications.value, `%${id}%`));
  await db.delete(authUsers).where(eq(authUsers.id, id));
}

function otherMembers(db: Database, userId: string, condition?: SQL) {
  const isOther = and(eq(others.organizationId, authMembers.organizationId), ne(others.userId, userId));
  return db.select({ id: others.id }).from(others).where(and(isOther, condition));
}
