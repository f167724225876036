import { createHmac, timingSafeEqual } from "node:crypto";
import { ConfigurationError, Secret } from "../../kernel/index.js";
import { type HeaderFields, type SecretSource, SignatureError, type SigningSecrets } from "./scheme.js";

/** HMAC-SHA256 of the parts, one after the other. */
export function hmacSha256(key: string | Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** True when one of the candidates is the digest; the time taken tells nothing of where they differ. */
export function includesDigest(candidates: readonly Buffer[], digest: Buffer): boolean {
  let found = false;
  for (const candidate of candidates) {
    if (candidate.byteLength === digest.byteLength && timingSafeEqual(candidate, digest)) found = true;
  }
  return found;
}

/**
 * Checks secrets that are given at once, so that a variable that is not set is no failure of each request. Empty ones
 * are passed over: during a rotation the variable of the other secret may be empty.
 *
 * @throws ConfigurationError that shows no secret.
 */
export function checkSecrets(
  call: string,
  source: SecretSource,
  checkForm: (secret: string) => void = () => undefined,
): void {
  if (typeof source === "function") return;
  const given: readonly unknown[] = Array.isArray(source) ? source : [source];
  const texts = given.map((each) => (each instanceof Secret ? each.reveal() : each));
  const wrong = (message: string, options?: ErrorOptions) =>
    new ConfigurationError([{ name: call, message }], options);
  if (!texts.every((each) => typeof each === "string")) {
    throw wrong("takes secrets as text; is the variable of a secret not set?");
  }
  const filled = texts.filter((each) => each !== "");
  if (filled.length === 0) throw wrong("needs a secret that is not empty; is its variable not set?");
  try {
    for (const each of filled) checkForm(each);
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The secrets as text. @throws SignatureError when no secret is given. */
export async function secretsOf(source: SecretSource): Promise<readonly string[]> {
  const given: SigningSecrets = typeof source === "function" ? await source() : source;
  const list = typeof given === "string" || given instanceof Secret ? [given] : given;
  const texts = list
    .map((each) => (each instanceof Secret ? each.reveal() : each))
    .filter((each) => each !== "");
  if (texts.length === 0) throw new SignatureError("there is no secret to verify the signature with");
  return texts;
}

/** The value of a field. @throws SignatureError when it is absent. */
export function fieldOf(headers: HeaderFields, name: string): string {
  const value = headers[name];
  if (typeof value !== "string" || value === "") throw new SignatureError(`the field ${name} is missing`);
  return value;
}

/**
 * Reads a timestamp in seconds since the epoch and holds it to the tolerance, in both directions.
 *
 * @throws SignatureError when it has anything but digits, is too old, or lies in the future.
 */
export function checkTimestamp(text: string, now: number, toleranceSeconds: number): Date {
  if (!/^[0-9]{1,12}$/.test(text)) throw new SignatureError("the timestamp has other characters than digits");
  const sentAt = Number(text) * 1000;
  if (now - sentAt > toleranceSeconds * 1000) throw new SignatureError("the timestamp is too old");
  if (sentAt - now > toleranceSeconds * 1000) throw new SignatureError("the timestamp lies in the future");
  return new Date(sentAt);
}

/** A digest in lower-case hex; `undefined` for any other text. */
export function digestFromHex(text: string): Buffer | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? Buffer.from(text, "hex") : undefined;
}
