import { checkUrl } from "./checked-url.js";
import { InvalidArgumentError, StorageConfigurationError } from "./error.js";
import { type Key, parseKey } from "./key.js";
import { checkStorageOptions, type OptionRules } from "./storage-options.js";

/** Prefixes of public keys unless said otherwise. */
export const defaultPublicPrefixes: readonly string[] = ["public/"];

/** Options of the layer `publicFiles`. */
export interface PublicFilesOptions {
  /** Where public files are served, without a signature: a CDN, a custom domain, a public bucket. Keys are appended to it. */
  readonly url: string | (() => string);
  /** Paths whose files are public, each ending in `/`. Default: `public/`. */
  readonly prefixes?: readonly string[] | undefined;
}

const rules: OptionRules<PublicFilesOptions> = {
  call: "publicFiles",
  kinds: { url: "string|function", prefixes: "array" },
  needed: ["url"],
  instead: { prefix: "prefixes: [prefix]" },
};

/** Which keys are public, and where. */
export class PublicFiles {
  readonly #url: () => string;
  readonly #prefixes: readonly string[];

  /** @throws StorageConfigurationError for a malformed URL, or a prefix that no key can begin with. */
  constructor(options: PublicFilesOptions) {
    checkStorageOptions(options, rules);
    const { url, prefixes = defaultPublicPrefixes } = options;
    if (typeof url === "string") checkUrl("the URL of public files", url);
    this.#url = typeof url === "string" ? () => url : url;
    this.#prefixes = prefixes.map(checkPrefix);
  }

  has(key: Key): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  /** @throws InvalidArgumentError for a key that is not public; it names no prefix, which may be another tenant's. */
  urlOf(key: Key): string {
    if (this.has(key)) return `${this.#url().replace(/\/+$/, "")}/${key}`;
    const message =
      "the key is not public: it is under no prefix that publicFiles, the option publicPrefixes of easyStorage or STORAGE_PUBLIC_PREFIXES names";
    throw new InvalidArgumentError({ message });
  }
}

/** An empty prefix would make everything public, which must be said by naming each folder. */
function checkPrefix(prefix: string): string {
  try {
    if (prefix.endsWith("/")) return `${parseKey(prefix.slice(0, -1))}/`;
  } catch {}
  throw new StorageConfigurationError({
    message: `a public prefix is a path of keys that ends in '/', like public/; expected that instead of '${prefix}'`,
  });
}
