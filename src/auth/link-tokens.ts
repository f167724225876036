import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * The tokens of links that confirm an address: JWTs with HMAC-SHA-256 (RFC 7515), which the library verifies with the
 * newest secret alone.
 */
export class LinkTokens {
  readonly #secrets: readonly [string, ...string[]];

  /** @param secrets - the first one signs, all of them verify. */
  constructor(secrets: readonly [string, ...string[]]) {
    this.#secrets = secrets;
  }

  /** A URL whose token an older secret signed, as the newest would have signed it; any other as it is. */
  resign(url: string): string {
    const [, before = "", content = "", signature = "", after = ""] =
      /^([^?]*\/verify-email\?(?:[^#]*&)?token=)([\w-]+\.[\w-]+)\.([\w-]+)(.*)$/.exec(url) ?? [];
    const [newest, ...older] = this.#secrets;
    if (!older.some((secret) => isEqual(signature, signatureOf(content, secret)))) return url;
    return `${before}${content}.${signatureOf(content, newest)}${after}`;
  }
}

function signatureOf(content: string, secret: string): string {
  return createHmac("sha256", secret).update(content, "utf8").digest("base64url");
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
