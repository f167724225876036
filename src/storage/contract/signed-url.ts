import { createHmac, createSecretKey, type Hmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { StorageConfigurationError, UnsupportedOperationError } from "./error.js";
import type { Key } from "./key.js";
import type { Transform } from "./transform.js";

/** Shortest secret that may sign, in bytes: the length of the digest (RFC 2104 §3). */
export const minSecretBytes = 32;

export interface UrlSignerOptions {
  /** Where the file route answers, without a trailing slash: `https://files.example.com/files`. */
  readonly baseUrl: string;
  /** The first one signs, all of them verify; put a new one in front to rotate. */
  readonly secrets: readonly string[];
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

/** What a signed URL allows, and how the answer looks; all of it is covered by the signature. */
export interface SignOptions {
  readonly method: "get" | "put";
  readonly expiresAt: Date;
  /** `get`: answer as an attachment. */
  readonly download: boolean;
  /** `get`: the name to save it under. */
  readonly filename: string | undefined;
  /** `put`: the content type that must be sent. */
  readonly contentType: string | undefined;
  /** `put`: how many bytes must be sent; only with the capability `signSize`. */
  readonly size?: number | undefined;
  /** `get`: what the provider makes of the content before it sends it; only with the capability `transform`. */
  readonly transform: Transform | undefined;
}

/** What a verified URL allows, as it was signed. */
export interface VerifiedUrl {
  readonly method: "get" | "put";
  readonly key: Key;
  readonly expiresAt: Date;
  readonly download: boolean;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly size?: number | undefined;
}

/**
 * Signs and verifies URLs of the kit's own file route with HMAC-SHA-256 (RFC 2104).
 *
 * The signature covers the method, the whole key, the expiry and every parameter that changes the answer.
 * A URL that was changed, expired, or carries a parameter twice or one that is unknown, is refused; all
 * refusals look the same.
 */
export class UrlSigner {
  readonly #baseUrl: string;
  readonly #keys: readonly KeyObject[];
  readonly #signingKey: KeyObject;
  readonly #now: () => number;

  constructor(options: UrlSignerOptions) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#keys = options.secrets.map(toSigningKey);
    const [first] = this.#keys;
    if (first === undefined) throw new StorageConfigurationError({ message: "a URL signer needs a secret" });
    this.#signingKey = first;
    this.#now = options.now ?? Date.now;
  }

  /**
   * The URL with its signature. The key's alphabet needs no escaping.
   *
   * @throws UnsupportedOperationError for a transform: the file route sends files as they are.
   */
  sign(key: Key, options: SignOptions): string {
    if (options.transform !== undefined) {
      throw new UnsupportedOperationError({ message: "the file route does not transform what it sends" });
    }
    const expires = Math.floor(options.expiresAt.getTime() / 1000);
    const query = queryOf(options, expires);
    const signature = hmac(this.#signingKey, options.method, key, query).digest("base64url");
    return `${this.#baseUrl}/${key}?${query}&signature=${signature}`;
  }

  /**
   * What the URL of a request allows, or `undefined` when it allows nothing.
   *
   * @param method - `get` also for HEAD.
   * @param key - decoded once and checked by `parseKey`.
   * @param query - raw, as it came, without the `?`.
   */
  verify(method: "get" | "put", key: Key, query: string): VerifiedUrl | undefined {
    const signed = splitSignature(query);
    if (signed === undefined) return undefined;
    const isOurs = this.#keys.some((each) =>
      timingSafeEqual(hmac(each, method, key, signed.query).digest(), signed.signature),
    );
    if (!isOurs) return undefined;
    const parameters = new URLSearchParams(signed.query);
    const expires = Number(parameters.get("expires"));
    if (this.#now() >= expires * 1000) return undefined;
    return {
      method,
      key,
      expiresAt: new Date(expires * 1000),
      download: parameters.get("download") === "1",
      filename: parameters.get("filename") ?? undefined,
      contentType: parameters.get("type") ?? undefined,
      size: toSize(parameters.get("size")),
    };
  }
}

/**
 * The one spelling of the signed parameters, in this order: `expires`, `download`, `filename`, `type`, `size`.
 * As it is signed as text, another order, spelling or repetition is another text and does not verify.
 */
function queryOf(options: SignOptions, expires: number): string {
  let query = `expires=${expires}`;
  if (options.download) query += "&download=1";
  if (options.filename !== undefined) query += `&filename=${encodeURIComponent(options.filename)}`;
  if (options.contentType !== undefined) query += `&type=${encodeURIComponent(options.contentType)}`;
  if (options.size !== undefined) query += `&size=${options.size}`;
  return query;
}

function toSize(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}

const signedQuery = /^(expires=[0-9]{1,11}(?:&[a-z]+=[^&]*)*)&signature=([A-Za-z0-9_-]{43})$/;

function splitSignature(query: string): { query: string; signature: Buffer } | undefined {
  const [, text, signature] = signedQuery.exec(query) ?? [];
  if (text === undefined || signature === undefined) return undefined;
  const bytes = Buffer.from(signature, "base64url");
  // The last of 43 characters has two spare bits: only the spelling that we write counts.
  return bytes.toString("base64url") === signature ? { query: text, signature: bytes } : undefined;
}

/** Neither a key nor an encoded query can hold a line feed, so the joined text has one meaning. */
function hmac(secret: KeyObject, method: string, key: Key, query: string): Hmac {
  return createHmac("sha256", secret).update(`svc-infra-url-1\n${method}\n${key}\n${query}`);
}

function toSigningKey(secret: string): KeyObject {
  const bytes = Buffer.from(secret, "utf8");
  if (bytes.length < minSecretBytes) {
    throw new StorageConfigurationError({
      message: `a signing secret needs at least ${minSecretBytes} bytes`,
    });
  }
  return createSecretKey(bytes);
}
