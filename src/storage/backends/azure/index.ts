export { AzureBackend } from "./backend.js";
export type { AzureBackendOptions } from "./options.js";
export type { AzureTokenCredential } from "./token-credential.js";
