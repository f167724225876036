export type { AccountExport, Accounts, Erasure } from "./account/accounts.js";
export type { DataSubject, PersonalData } from "./account/personal-data.js";
export { storedFiles } from "./account/stored-files.js";
export type { ApiKey, ApiKeys, CreatedApiKey, NewApiKey } from "./api-keys/api-keys.js";
export type { AuthConfig } from "./auth-config.js";
export type { AuthSession, AuthUser, UsedApiKey } from "./auth-user.js";
export type { AuthUsers } from "./auth-users.js";
export { type AddAuthUsersOptions, addAuthUsers, authUsersPlugin, getAuthUsers } from "./plugin.js";
export type { OidcProvider, ProviderClient, Providers } from "./providers/providers.js";
export { getCurrentUser } from "./routes/current-user.js";
export { type FileAccess, tenantFiles, userFiles } from "./routes/file-access.js";
export {
  type RequireUserOptions,
  requireRole,
  requireScope,
  requireUser,
  type UserHook,
} from "./routes/require-user.js";
export { type AuthOptions, type AuthSettings, authVariables } from "./settings.js";
export type { SignIn, SignIns } from "./sign-ins.js";
export type { IssuedTokens, Refreshed, TokenFamilies, TokenPair } from "./tokens/token-families.js";
