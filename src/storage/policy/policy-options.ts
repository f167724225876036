import { InvalidKeyError, StorageConfigurationError } from "../contract/error.js";
import { isKey, parseKey } from "../contract/key.js";
import { checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import { type ByteSize, parseByteSize } from "./byte-size.js";
import { isTypePattern } from "./media-type.js";
import type { MetadataRules } from "./metadata-check.js";
import type { InfectedListener, ScanRules } from "./scan-check.js";
import type { Scanner } from "./scanner.js";
import type { TypeRules } from "./type-check.js";
import type { TypeLimits } from "./typed-size-check.js";

/**
 * What content must satisfy before anyone can see it, whichever way it comes.
 *
 * @example
 * const policy: PolicyOptions = { maxBytes: "5MB", types: ["image/*", "application/pdf"] };
 */
export interface PolicyOptions {
  /** Most bytes, also by type: `{ "image/*": "5MB", "video/*": "1GB" }`; the pattern that fits best holds. */
  readonly maxBytes?: ByteSize | Readonly<Record<string, ByteSize>> | undefined;
  /**
   * The types that are allowed, as `image/*` or `application/pdf`, decided by the bytes. Types without a signature, as
   * text, CSV, JSON and all markup, must be named exactly.
   */
  readonly types?: readonly string[] | undefined;
  /** What becomes of content that is something else than it says: refused, or stored as what it is. Default: `refuse` where there are `types` or limits by type, else nothing is compared. */
  readonly mismatch?: "refuse" | "correct" | undefined;
  /** Which names and values the metadata of an object may have. */
  readonly metadata?: MetadataRules | undefined;
  /** Looks for malware. */
  readonly scan?: Scanner | ScanRules | undefined;
  /** Told of each key, in the words of the whole storage, whose content a scanner refuses; the call fails when it resolves. */
  readonly onInfected?: InfectedListener | undefined;
  /** Further rules of keys that begin with a prefix, in the words of the whole storage: `{ "avatars/": … }`. */
  readonly under?: Readonly<Record<string, PolicyOptions>> | undefined;
}

/** The rules of one policy for keys with a prefix. */
export interface PolicyRules {
  readonly prefix: string;
  readonly maxBytes: number;
  readonly typeLimits: TypeLimits | undefined;
  readonly types: TypeRules | undefined;
  readonly metadata: MetadataRules | undefined;
  readonly scan: ScanRules | undefined;
  readonly onInfected: InfectedListener | undefined;
}

const rules: OptionRules<PolicyOptions> = {
  call: "policy",
  kinds: {
    maxBytes: "anything",
    types: "anything",
    mismatch: "anything",
    metadata: "object",
    scan: "object",
    onInfected: "function",
    under: "object",
  },
};

const fromZero = [0, Number.MAX_SAFE_INTEGER] as const;
const metadataRules: OptionRules<MetadataRules> = {
  call: "policy: metadata",
  kinds: { maxPairs: "integer", maxBytes: "integer", names: "array" },
  ranges: { maxPairs: fromZero, maxBytes: fromZero },
};

const scanRules: OptionRules<ScanRules> = {
  call: "policy: scan (STORAGE_CLAMAV_URL)",
  kinds: { scanner: "object", whenUnavailable: "anything", onSkip: "function" },
};

/**
 * Checks the options of a policy and takes them apart by prefix.
 *
 * @throws StorageConfigurationError naming the option.
 */
export function parsePolicy(options: PolicyOptions, prefix = ""): readonly PolicyRules[] {
  checkStorageOptions(options, rules);
  const { maxBytes, metadata, under = {} } = options;
  if (metadata !== undefined) checkStorageOptions(metadata, metadataRules);
  const isByType = typeof maxBytes === "object" && maxBytes !== null;
  const typeLimits = isByType ? limitsOf(maxBytes) : undefined;
  const own: PolicyRules = {
    prefix,
    maxBytes: isByType || maxBytes === undefined ? Number.POSITIVE_INFINITY : bytesOf("maxBytes", maxBytes),
    typeLimits,
    types: typeRulesOf(options, typeLimits !== undefined),
    metadata,
    scan: scanOf(options.scan),
    onInfected: options.onInfected,
  };
  return [
    own,
    ...Object.entries(under).flatMap(([start, more]) => parsePolicy(more, placeOf(prefix + start))),
  ];
}

/** Rules of a prefix that no key begins with would never hold. */
function placeOf(prefix: string): string {
  if (isKey(prefix)) return prefix;
  try {
    parseKey(`${prefix}x`);
    return prefix;
  } catch (error) {
    if (!(error instanceof InvalidKeyError)) throw error;
    throw wrong(`under['${prefix}']`, `is of no key: ${error.message}`);
  }
}

function typeRulesOf({ types, mismatch: given }: PolicyOptions, areLimited: boolean): TypeRules | undefined {
  const mismatch = given ?? "refuse";
  if (mismatch !== "refuse" && mismatch !== "correct") throw wrong("mismatch", "is 'refuse' or 'correct'");
  if (types === undefined) return areLimited || given !== undefined ? { types, mismatch } : undefined;
  if (Array.isArray(types) && types.length > 0 && types.every(isTypePattern)) return { types, mismatch };
  throw wrong("types (STORAGE_ALLOWED_TYPES)", "is a list of types like image/* or application/pdf");
}

function limitsOf(maxBytes: Readonly<Record<string, ByteSize>>): TypeLimits {
  const entries = Object.entries(maxBytes);
  if (!entries.every(([type]) => isTypePattern(type))) throw wrong("maxBytes", "goes by types like image/*");
  return new Map(entries.map(([type, size]) => [type, bytesOf(`maxBytes['${type}']`, size)]));
}

function bytesOf(name: string, size: ByteSize): number {
  const bytes = parseByteSize(size);
  if (bytes !== undefined) return bytes;
  throw wrong(`${name} (STORAGE_MAX_UPLOAD_BYTES)`, "is a whole number of bytes, or text like 5MB or 5MiB");
}

function scanOf(scan: Scanner | ScanRules | undefined): ScanRules | undefined {
  if (scan === undefined) return undefined;
  const given: ScanRules = "begin" in scan ? { scanner: scan } : scan;
  checkStorageOptions(given, scanRules);
  const { scanner, whenUnavailable = "refuse" } = given;
  const isKnown = whenUnavailable === "refuse" || whenUnavailable === "accept";
  if (isKnown && typeof scanner?.begin === "function") return given;
  throw wrong("scan (STORAGE_CLAMAV_URL)", "is a scanner like clamav(), or { scanner, whenUnavailable }");
}

function wrong(name: string, message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message: `policy: ${name} ${message}` });
}
