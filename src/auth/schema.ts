import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { credentialHash } from "./credentials.js";

/** A time in UTC, to the microsecond. */
const time = (name: string) => timestamp(name, { withTimezone: true });
/** Text that is hashed on its way in, also where rows are looked for by a value of it (a placeholder takes the hash). */
const hashed = customType<{ data: string; driverData: string }>({
  dataType: () => "text",
  toDriver: credentialHash,
});
const id = () => text("id").primaryKey();
const createdAt = () => time("created_at").notNull().defaultNow();
const updatedAt = () => time("updated_at").notNull().defaultNow();

/** People who may sign in. */
export const authUsers = pgTable("svc_infra_auth_users", {
  id: id(),
  name: text("name").notNull(),
  email: text("email").notNull().unique(),
  emailVerified: boolean("email_verified").notNull().default(false),
  image: text("image"),
  twoFactorEnabled: boolean("two_factor_enabled").default(false),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

const userId = () =>
  text("user_id")
    .notNull()
    .references(() => authUsers.id, { onDelete: "cascade" });

/** Who is signed in, and where. */
export const authSessions = pgTable(
  "svc_infra_auth_sessions",
  {
    id: id(),
    userId: userId(),
    token: hashed("token").notNull().unique(),
    expiresAt: time("expires_at").notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    ipAddress: text("ip_address"),
    userAgent: text("user_agent"),
    /** How many factors were proved when it began. */
    factor: integer("factor").notNull().default(1),
    activeOrganizationId: text("active_organization_id"),
  },
  (table) => [index("svc_infra_auth_sessions_user").on(table.userId)],
);

/** The ways in of a user: a password, or an account of a provider. */
export const authAccounts = pgTable(
  "svc_infra_auth_accounts",
  {
    id: id(),
    userId: userId(),
    accountId: text("account_id").notNull(),
    providerId: text("provider_id").notNull(),
    accessToken: text("access_token"),
    refreshToken: text("refresh_token"),
    idToken: text("id_token"),
    accessTokenExpiresAt: time("access_token_expires_at"),
    refreshTokenExpiresAt: time("refresh_token_expires_at"),
    scope: text("scope"),
    password: text("password"),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index("svc_infra_auth_accounts_user").on(table.userId),
    uniqueIndex("svc_infra_auth_accounts_once").on(table.providerId, table.accountId),
  ],
);

/** What a link or a challenge of the library stands for, until it is used or expires. */
export const authVerifications = pgTable(
  "svc_infra_auth_verifications",
  {
    id: id(),
    identifier: text("identifier").notNull(),
    value: text("value").notNull(),
    expiresAt: time("expires_at").notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index("svc_infra_auth_verifications_identifier").on(table.identifier)],
);

/** How often an address of the network has asked. */
export const authRateLimits = pgTable("svc_infra_auth_rate_limits", {
  id: id(),
  key: text("key").notNull().unique(),
  count: integer("count").notNull(),
  lastRequest: bigint("last_request", { mode: "number" }).notNull(),
});

/** Attempts that count towards a lock, and codes that were used. */
export const authAttempts = pgTable("svc_infra_auth_attempts", {
  /** A hash: no address of a person stands here. */
  key: text("key").primaryKey(),
  count: integer("count").notNull(),
  until: time("until").notNull(),
});

/** The second factor of a user. */
export const authTwoFactors = pgTable(
  "svc_infra_auth_two_factors",
  {
    id: id(),
    userId: userId(),
    /** Encrypted. */
    secret: text("secret").notNull(),
    /** Hashes. */
    backupCodes: text("backup_codes").notNull(),
    verified: boolean("verified").default(true),
    failedVerificationCount: integer("failed_verification_count").default(0),
    lockedUntil: time("locked_until"),
  },
  (table) => [index("svc_infra_auth_two_factors_user").on(table.userId)],
);

/** Organisations: the tenants of the service. */
export const authOrganizations = pgTable("svc_infra_auth_organizations", {
  id: id(),
  name: text("name").notNull(),
  slug: text("slug").notNull().unique(),
  logo: text("logo"),
  metadata: text("metadata"),
  createdAt: createdAt(),
});

const organizationId = () =>
  text("organization_id")
    .notNull()
    .references(() => authOrganizations.id, { onDelete: "cascade" });

/** Who belongs to an organisation, and as what. */
export const authMembers = pgTable(
  "svc_infra_auth_members",
  {
    id: id(),
    organizationId: organizationId(),
    userId: userId(),
    role: text("role").notNull().default("member"),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex("svc_infra_auth_members_once").on(table.organizationId, table.userId),
    index("svc_infra_auth_members_user").on(table.userId),
  ],
);

/** Invitations to an organisation. */
export const authInvitations = pgTable(
  "svc_infra_auth_invitations",
  {
    id: id(),
    organizationId: organizationId(),
    email: text("email").notNull(),
    role: text("role"),
    status: text("status").notNull().default("pending"),
    expiresAt: time("expires_at").notNull(),
    createdAt: createdAt(),
    inviterId: text("inviter_id")
      .notNull()
      .references(() => authUsers.id, { onDelete: "cascade" }),
  },
  (table) => [
    index("svc_infra_auth_invitations_organization").on(table.organizationId),
    index("svc_infra_auth_invitations_email").on(table.email),
  ],
);

/** Keys of programs that act for a user. */
export const authApiKeys = pgTable(
  "svc_infra_auth_api_keys",
  {
    id: id(),
    userId: userId(),
    /** The organisation that it is for; it reaches no other. */
    tenant: text("tenant").references(() => authOrganizations.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    /** How it begins, to tell keys apart. */
    prefix: text("prefix").notNull(),
    hash: text("hash").notNull().unique(),
    scopes: text("scopes").array().notNull(),
    expiresAt: time("expires_at"),
    lastUsedAt: time("last_used_at"),
    /** When a rotation made the key that replaces it: there is one at most. */
    replacedAt: time("replaced_at"),
    createdAt: createdAt(),
  },
  (table) => [index("svc_infra_auth_api_keys_user").on(table.userId)],
);

/** Pairs of an access token and the refresh token that replaces it; those of one sign-in are a family. */
export const authTokens = pgTable(
  "svc_infra_auth_tokens",
  {
    id: id(),
    family: text("family").notNull(),
    userId: userId(),
    tenant: text("tenant"),
    factor: integer("factor").notNull(),
    /** When the user proved who they are. */
    startedAt: time("started_at").notNull(),
    accessHash: text("access_hash").notNull().unique(),
    accessExpiresAt: time("access_expires_at").notNull(),
    refreshHash: text("refresh_hash").notNull().unique(),
    /** When it ends unless it is replaced before. */
    expiresAt: time("expires_at").notNull(),
    /** Where the client that signed in came from. */
    ipAddress: text("ip_address"),
    userAgent: text("user_agent"),
    /** When it was replaced; it is kept to notice a second use. */
    usedAt: time("used_at"),
  },
  (table) => [
    index("svc_infra_auth_tokens_family").on(table.family),
    index("svc_infra_auth_tokens_user").on(table.userId),
  ],
);
