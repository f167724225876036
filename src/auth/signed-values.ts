import { createHmac, timingSafeEqual } from "node:crypto";

/** Cookie values as the library writes them: the value, a dot, and an HMAC-SHA-256 of it in Base64. */
export class SignedValues {
  readonly #secrets: readonly [string, ...string[]];

  /** @param secrets - the first one signs, all of them verify. */
  constructor(secrets: readonly [string, ...string[]]) {
    this.#secrets = secrets;
  }

  sign(value: string): string {
    return `${value}.${signatureOf(value, this.#secrets[0])}`;
  }

  /** The value, if one of the secrets signed it. */
  verify(signed: string): string | undefined {
    const dot = signed.lastIndexOf(".");
    if (dot < 1) return undefined;
    const value = signed.slice(0, dot);
    const given = Buffer.from(signed.slice(dot + 1));
    const isGood = this.#secrets.some((secret) => isEqual(given, Buffer.from(signatureOf(value, secret))));
    return isGood ? value : undefined;
  }
}

function signatureOf(value: string, secret: string): string {
  return createHmac("sha256", secret).update(value, "utf8").digest("base64");
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
