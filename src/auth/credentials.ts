import { createHash, randomBytes } from "node:crypto";

/** How every API key begins: scanners of sources know it by that. */
export const apiKeyPrefix = "svck_";

/** How every access token begins. */
export const accessTokenPrefix = "svca_";

/** The headers that credentials come in. */
export interface CredentialHeaders {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
  readonly "x-api-key"?: string | readonly string[] | undefined;
}

/** What a request shows beside its cookies; other bearer tokens are not of the kit. */
export function credentialOf({ authorization, "x-api-key": key }: CredentialHeaders): string | undefined {
  if (typeof key === "string") return key;
  const [, bearer] = /^bearer +([^\s]+)$/i.exec(authorization ?? "") ?? [];
  return bearer !== undefined && isOfKit(bearer) ? bearer : undefined;
}

function isOfKit(credential: string): boolean {
  return credential.startsWith(apiKeyPrefix) || credential.startsWith(accessTokenPrefix);
}

/** A new credential that no one can guess: 256 random bits behind a prefix that says what it is. */
export function newCredential(prefix: string): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** What the database keeps of a credential: enough to find it, and of no use to a reader of the database. */
export function credentialHash(credential: string): string {
  return createHash("sha256").update(credential, "utf8").digest("base64url");
}
