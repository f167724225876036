export { S3Backend } from "./backend.js";
export type { S3CredentialProvider, S3CredentialRequest, S3Credentials } from "./credentials/credentials.js";
export type { S3Encryption } from "./headers/encryption.js";
export type { S3BackendOptions } from "./options.js";
export { type S3Provider, s3Providers } from "./providers.js";
