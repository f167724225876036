import { createHash, randomBytes } from "node:crypto";

/** A new credential that no one can guess: 256 random bits behind a prefix that says what it is. */
export function newCredential(prefix: string): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** What the database keeps of a credential: enough to find it, and useless to who reads it. */
export function credentialHash(credential: string): string {
  return createHash("sha256").update(credential, "utf8").digest("base64url");
}
