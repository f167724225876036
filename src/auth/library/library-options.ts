import { createHash, randomUUID } from "node:crypto";
import type { BetterAuthOptions } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { genericOAuth, organization, twoFactor } from "better-auth/plugins";
import type { Logger } from "../../kernel/index.js";
import type { Database } from "../../sql/index.js";
import type { Accounts } from "../account/accounts.js";
import type { AuthConfig } from "../auth-config.js";
import type { AuthMail } from "../auth-mail.js";
import { addressHeader } from "../client-address.js";
import { cookiePrefix } from "../cookies.js";
import { passwordMaxLength } from "../passwords/password-rules.js";
import type { OidcProvider } from "../providers/providers.js";
import {
  authAccounts,
  authInvitations,
  authMembers,
  authOrganizations,
  authRateLimits,
  authSessions,
  authTwoFactors,
  authUsers,
  authVerifications,
} from "../schema.js";
import { Sessions } from "../sessions.js";
import type { TokenFamilies } from "../tokens/token-families.js";
import { hashedSessions } from "./hashed-sessions.js";
import { recoveryCodes } from "./recovery-codes.js";

/** What the library works with. */
export interface LibraryParts {
  readonly db: Database;
  readonly mail: AuthMail;
  readonly log: Logger;
  readonly tokens: Pick<TokenFamilies, "revokeAll">;
  readonly accounts: Pick<Accounts, "factorsOf">;
}

/** Called when a link of a mail has replaced a password. */
export type PasswordReset = (
  reset: { readonly user: { readonly id: string; readonly email: string } },
  request?: Request,
) => Promise<void>;

const tables = {
  user: authUsers,
  session: authSessions,
  account: authAccounts,
  verification: authVerifications,
  rateLimit: authRateLimits,
  twoFactor: authTwoFactors,
  organization: authOrganizations,
  member: authMembers,
  invitation: authInvitations,
};

/** Everything that the library would take from its environment is said here, so that no variable weakens it. */
export function libraryOptions(config: AuthConfig, { db, mail, log }: LibraryParts, onReset: PasswordReset) {
  return {
    appName: config.issuer,
    baseURL: config.origin,
    basePath: config.basePath,
    secrets: config.secrets.map((value) => ({ version: versionOf(value), value })),
    trustedOrigins: [...config.trustedOrigins],
    database: hashedSessions(drizzleAdapter(db, { provider: "pg", schema: tables, transaction: true })),
    // Sessions are named by id, never by token: the kit has routes for that.
    disabledPaths: ["/list-sessions", "/revoke-session", "/revoke-other-sessions"],
    // A reader of the database finds no link that works.
    verification: { storeIdentifier: "hashed" },
    telemetry: { enabled: false },
    // Lines below `error` hold addresses of users. At other levels than `info` the library writes to the console itself.
    logger: { level: "info", log: (level, message) => level === "error" && log.warn({ level }, message) },
    ...accountOptions(config, mail, onReset),
    ...providerOptions(config),
    session: {
      expiresIn: config.sessionIdleMinutes * 60,
      updateAge: Sessions.renewAfterSeconds(config),
      cookieCache: { enabled: false },
      additionalFields: { factor: { type: "number", input: false, required: false } },
    },
    rateLimit: {
      enabled: true,
      storage: "database",
      window: 60,
      max: 300,
      customRules: { "/get-session": false, "/sign-in/email": { window: 60, max: 30 } },
    },
    advanced: {
      disableCSRFCheck: false,
      disableOriginCheck: false,
      // In lower case: ids become tenants, and tenants become names of folders.
      database: { generateId: () => randomUUID() },
      ipAddress: { ipAddressHeaders: [addressHeader] },
      // The prefix of the library is __Secure-; the stricter one is part of the name here.
      useSecureCookies: false,
      cookiePrefix: cookiePrefix(config.isSecure),
      defaultCookieAttributes: { secure: config.isSecure, httpOnly: true, sameSite: "lax", path: "/" },
    },
    plugins: [
      genericOAuth({ config: config.providers.oidc.map(oidcOptions) }),
      twoFactor({ issuer: config.issuer, backupCodeOptions: { storeBackupCodes: recoveryCodes } }),
      organization({
        sendInvitationEmail: ({ email, id, organization: { name } }) =>
          mail.invite({ to: email, organization: name, url: `${config.origin}/invitations/${id}` }),
      }),
    ],
  } satisfies BetterAuthOptions;
}

function accountOptions(
  { passwordMinLength, origin }: AuthConfig,
  mail: AuthMail,
  onPasswordReset: PasswordReset,
) {
  return {
    emailAndPassword: {
      enabled: true,
      requireEmailVerification: true,
      autoSignIn: false,
      minPasswordLength: passwordMinLength,
      maxPasswordLength: passwordMaxLength,
      revokeSessionsOnPasswordReset: true,
      onPasswordReset,
      sendResetPassword: ({ user, url }) => mail.resetPassword({ to: user.email, url }),
      onExistingUserSignUp: ({ user }) => mail.accountExists({ to: user.email, url: origin }),
    },
    emailVerification: {
      sendOnSignUp: true,
      sendOnSignIn: true,
      autoSignInAfterVerification: false,
      sendVerificationEmail: ({ user, url }) => mail.confirmAddress({ to: user.email, url }),
    },
    account: {
      encryptOAuthTokens: true,
      accountLinking: { enabled: true, trustedProviders: [], requireLocalEmailVerified: true },
    },
  } satisfies BetterAuthOptions;
}

/**
 * Accounts of providers. Only an address that the provider calls verified signs in, opens an account or is linked:
 * any other may belong to another person.
 */
function providerOptions({ providers: { oidc: _, microsoft, ...others } }: AuthConfig) {
  return {
    user: {
      validateUserInfo: ({ user, source }) =>
        source.method === "oauth" && user.emailVerified !== true
          ? { error: "email_not_verified", errorDescription: "the provider does not vouch for the address" }
          : undefined,
    },
    socialProviders: {
      ...others,
      ...(microsoft === undefined ? {} : { microsoft: { ...microsoft, disableProfilePhoto: true } }),
    },
  } satisfies BetterAuthOptions;
}

/** PKCE (RFC 7636), and an ID token that is signed by the provider and bound to this sign-in by its nonce. */
function oidcOptions({ name, discoveryUrl, clientId, clientSecret }: OidcProvider) {
  return {
    providerId: name,
    discoveryUrl,
    clientId,
    clientSecret,
    scopes: ["openid", "profile", "email"],
    pkce: true,
    requireIdTokenVerification: true,
  };
}

/** A version that depends on the secret and not on its place in the list; it is stored beside each ciphertext. */
function versionOf(secret: string): number {
  return createHash("sha256").update(secret, "utf8").digest().readUInt32BE(0);
}
