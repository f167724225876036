import { createHash, randomBytes } from "node:crypto";

/** A new credential that no one can guess: 256 random bits behind a prefix that says what it is. */
export function newCredential(prefix: string): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** What the database keeps of a credential: enough to find it, and of no use to a reader of the database. */
export function credentialHash(credential: string): string {
  return createHash("sha256").update(credential, "utf8").digest("base64url");
}
