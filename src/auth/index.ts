export type { AuthConfig } from "./auth-config.js";
export type { AuthSession, AuthUser } from "./auth-user.js";
export type { AuthUsers } from "./auth-users.js";
export { type AddAuthUsersOptions, addAuthUsers, authUsersPlugin, getAuthUsers } from "./plugin.js";
export { getCurrentUser } from "./routes/current-user.js";
export { type RequireUserOptions, requireRole, requireUser, type UserHook } from "./routes/require-user.js";
export { type AuthOptions, type AuthSettings, authVariables } from "./settings.js";
