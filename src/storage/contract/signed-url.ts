import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { checkUrl } from "./checked-url.js";
import type { DirectRequest } from "./direct-request.js";
import { StorageConfigurationError, UnsupportedOperationError } from "./error.js";
import type { Key } from "./key.js";
import { checkStorageOptions, type OptionRules } from "./storage-options.js";
import type { Transform } from "./transform.js";

/** Shortest secret that may sign, in bytes: the length of the digest (RFC 2104 §3). */
export const minSecretBytes = 32;

/** Base URL that is assumed until the file route is mounted. */
export const defaultBaseUrl = "http://localhost:8000/files";

/** Options of a {@link UrlSigner}. */
export interface UrlSignerOptions {
  /**
   * Where the file route answers, without a trailing slash: `https://files.example.com/files`. A function is asked for
   * each URL: a port may be known only when the service listens.
   */
  readonly baseUrl: string | (() => string);
  /** The first one signs, all of them verify; put a new one in front to rotate. */
  readonly secrets: readonly string[];
  /**
   * The one place that its URLs are for: two storages that share a secret refuse each other's URLs when this differs.
   * Default: the path of `baseUrl` when the signer is made, which is where the file route is mounted.
   */
  readonly audience?: string | undefined;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const rules: OptionRules<UrlSignerOptions> = {
  call: "new UrlSigner",
  kinds: { baseUrl: "string|function", secrets: "array", audience: "string", now: "function" },
  needed: ["baseUrl", "secrets"],
  instead: { secret: "secrets: [secret]" },
};

/** What a signed URL allows, and how the answer looks; all of it is covered by the signature. */
export interface SignOptions {
  /** Whether it reads or writes. */
  readonly method: "get" | "put";
  /**
   * The time of signing that a signature tells, before now and at most seven days before `expiresAt`: with it the same
   * options give the same URL. Default: the time of the call.
   */
  readonly signedAt?: Date | undefined;
  /** From then on it allows nothing; whole seconds count. */
  readonly expiresAt: Date;
  /** `get`: the permanent URL of a public object instead; only with the capability `publicUrls`. */
  readonly isPublic?: boolean | undefined;
  /** `get`: answer as an attachment. */
  readonly download: boolean;
  /** `get`: the name to save it under. */
  readonly filename: string | undefined;
  /** `put`: the content type that must be sent. */
  readonly contentType: string | undefined;
  /** `put`: how many bytes must be sent; only with the capability `signSize`. */
  readonly size?: number | undefined;
  /** `get`: the `Cache-Control` of the answer. */
  readonly cacheControl?: string | undefined;
  /** `get`: what the provider makes of the content before it sends it; only with the capability `transform`. */
  readonly transform: Transform | undefined;
}

/** What the request of an upload says of its content, and how long it lives. */
interface UploadFacts {
  readonly contentType: string;
  readonly size: number;
  readonly expiresAt: Date;
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
  readonly cacheControl?: string | undefined;
}

/** Why a URL allows nothing: for the log, never for the caller, who would learn from it how to forge one. */
export type UrlRefusal = "malformed" | "forged" | "expired";

/** What {@link UrlSigner.inspect} finds. */
export type UrlVerdict = { readonly allows: VerifiedUrl } | { readonly refusal: UrlRefusal };

/**
 * Signs and verifies URLs of the kit's own file route with HMAC-SHA-256 (RFC 2104).
 *
 * The signature covers the audience, the method, the whole key, the expiry and every parameter that changes the answer.
 * What is signed are the parameters and not their text: another order, or `+` for `%20`, is the same URL (WHATWG URL
 * standard, `application/x-www-form-urlencoded`). A URL that was changed, expired, is for another audience, or carries a
 * parameter twice or one that is unknown, is refused; all refusals look the same to its holder.
 *
 * @example
 * const signer = new UrlSigner({ baseUrl: "https://files.example.com/files", secrets: [secret] });
 * const verdict = signer.inspect("get", parseKey("a.txt"), query);
 * if ("refusal" in verdict) log.info({ reason: verdict.refusal }, "a signed URL was refused");
 */
export class UrlSigner {
  readonly #options: UrlSignerOptions;
  readonly #baseUrl: () => string;
  readonly #keys: readonly KeyObject[];
  readonly #signingKey: KeyObject;
  readonly #now: () => number;
  /** What the signed text of every URL begins with. */
  readonly #prefix: string;

  /** @throws StorageConfigurationError when there is no secret, or a short one, or `baseUrl` is no URL, or an option is unknown. */
  constructor(options: UrlSignerOptions) {
    checkStorageOptions(options, rules);
    this.#options = options;
    this.#baseUrl = trimmed(options.baseUrl);
    if (typeof options.baseUrl === "string" || options.audience === undefined) {
      checkUrl("the option 'baseUrl'", this.baseUrl);
    }
    const audience = options.audience ?? this.baseUrl.replace(/^[a-z]+:\/\/[^/]*/i, "");
    this.#prefix = `svc-infra-url-2\n${encodeURI(audience)}\n`;
    this.#keys = options.secrets.map((secret) => createSecretKey(checkSecret(secret), "utf8"));
    const [first] = this.#keys;
    if (first === undefined) throw new StorageConfigurationError({ message: "a URL signer needs a secret" });
    this.#signingKey = first;
    this.#now = options.now ?? Date.now;
  }

  /** Where the file route answers, without a trailing slash. */
  get baseUrl(): string {
    return this.#baseUrl();
  }

  /** A signer with the same secrets for the file route at another place. */
  at(baseUrl: () => string): UrlSigner {
    return new UrlSigner({ ...this.#options, baseUrl, audience: undefined });
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
    const parameters = textOf(pairsOf(options, expires));
    const signature = this.#signature(this.#signingKey, options.method, key, parameters);
    return `${this.#baseUrl()}/${key}?${parameters}&signature=${signature}`;
  }

  /** The request that writes an object through the file route. */
  request(key: Key, { contentType, size, expiresAt }: UploadFacts): DirectRequest {
    const nothing = { download: false, filename: undefined, transform: undefined } as const;
    const url = this.sign(key, { ...nothing, method: "put", expiresAt, contentType, size });
    return { method: "PUT", url, headers: { "content-type": contentType }, fields: {} };
  }

  /** What the URL of a request allows, or `undefined` when it allows nothing. As {@link inspect}, without the reason. */
  verify(method: "get" | "put", key: Key, query: string): VerifiedUrl | undefined {
    const verdict = this.inspect(method, key, query);
    return "allows" in verdict ? verdict.allows : undefined;
  }

  /**
   * What the URL of a request allows, or why it allows nothing.
   *
   * @param method - `get` also for HEAD.
   * @param key - decoded once and checked by `parseKey`.
   * @param query - raw, as it came, without the `?`.
   */
  inspect(method: "get" | "put", key: Key, query: string): UrlVerdict {
    const signed = parseSigned(query);
    if (signed === undefined) return { refusal: "malformed" };
    const { parameters, signature } = signed;
    const text = textOf([...parameters].sort(byName));
    const isOurs = this.#keys.some((each) =>
      timingSafeEqual(Buffer.from(this.#signature(each, method, key, text)), signature),
    );
    if (!isOurs) return { refusal: "forged" };
    const expires = Number(parameters.get("expires"));
    if (this.#now() >= expires * 1000) return { refusal: "expired" };
    return { allows: { method, key, ...allowedBy(parameters, expires) } };
  }

  /**
   * Neither a path, a key nor an encoded query can hold a line feed, so the joined text has one meaning.
   *
   * @param parameters - sorted by name.
   */
  #signature(secret: KeyObject, method: string, key: Key, parameters: string): string {
    const text = `${this.#prefix}${method}\n${key}\n${parameters}`;
    return createHmac("sha256", secret).update(text).digest("base64url");
  }
}

/** A parameter and its value, decoded. */
type Pair = readonly [name: string, value: string];

/** The parameters of a URL, sorted by name. */
function pairsOf(options: SignOptions, expires: number): readonly Pair[] {
  const pairs: Pair[] = [];
  if (options.cacheControl !== undefined) pairs.push(["cache", options.cacheControl]);
  if (options.download) pairs.push(["download", "1"]);
  pairs.push(["expires", String(expires)]);
  if (options.filename !== undefined) pairs.push(["filename", options.filename]);
  if (options.size !== undefined) pairs.push(["size", String(options.size)]);
  if (options.contentType !== undefined) pairs.push(["type", options.contentType]);
  return pairs;
}

const knownNames: ReadonlySet<string> = new Set([
  "expires",
  "download",
  "filename",
  "type",
  "size",
  "cache",
  "signature",
]);

function textOf(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

function byName([a]: Pair, [b]: Pair): number {
  return a < b ? -1 : Number(a > b);
}

function allowedBy(parameters: ReadonlyMap<string, string>, expires: number) {
  const size = parameters.get("size");
  return {
    expiresAt: new Date(expires * 1000),
    download: parameters.get("download") === "1",
    filename: parameters.get("filename"),
    contentType: parameters.get("type"),
    size: size === undefined ? undefined : Number(size),
    cacheControl: parameters.get("cache"),
  };
}

/** The parameters of a query, each once and known, with a signature; `undefined` for any other. */
function parseSigned(
  query: string,
): { readonly parameters: ReadonlyMap<string, string>; readonly signature: Buffer } | undefined {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (parameters.has(name) || !knownNames.has(name)) return undefined;
    parameters.set(name, value);
  }
  const signature = Buffer.from(parameters.get("signature") ?? "");
  parameters.delete("signature");
  const isWhole = /^[0-9]{1,11}$/.test(parameters.get("expires") ?? "");
  return signature.byteLength === signatureLength && isWhole ? { parameters, signature } : undefined;
}

/** Characters of 32 bytes in base64url. The text is compared, so that only the spelling that is written counts. */
const signatureLength = 43;

function trimmed(baseUrl: string | (() => string)): () => string {
  if (typeof baseUrl === "function") return () => baseUrl().replace(/\/+$/, "");
  const url = baseUrl.replace(/\/+$/, "");
  return () => url;
}

/** @throws StorageConfigurationError for a secret that is short, or no text. */
export function checkSecret(secret: string): string {
  if (typeof secret === "string" && Buffer.byteLength(secret) >= minSecretBytes) return secret;
  throw new StorageConfigurationError({ message: `a signing secret needs at least ${minSecretBytes} bytes` });
}
