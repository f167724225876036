import { StorageConfigurationError } from "../contract/error.js";
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
  /** What becomes of content that is something else than it says: refused, or stored as what it is. Default: `refuse`. */
  readonly mismatch?: "refuse" | "correct" | undefined;
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

const names: ReadonlySet<string> = new Set([
  "maxBytes",
  "types",
  "mismatch",
  "metadata",
  "scan",
  "onInfected",
  "under",
] satisfies (keyof PolicyOptions)[]);

/**
 * Checks the options of a policy and takes them apart by prefix.
 *
 * @throws StorageConfigurationError naming the option.
 */
export function parsePolicy(options: PolicyOptions, prefix = ""): readonly PolicyRules[] {
  const unknown = Object.keys(options).find((name) => !names.has(name));
  if (unknown !== undefined) throw wrong(unknown, `is no option; known are ${[...names].join(", ")}`);
  const { maxBytes, metadata, under = {} } = options;
  const isByType = typeof maxBytes === "object";
  const typeLimits = isByType ? limitsOf(maxBytes) : undefined;
  const own: PolicyRules = {
    prefix,
    maxBytes: isByType || maxBytes === undefined ? Number.POSITIVE_INFINITY : bytesOf("maxBytes", maxBytes),
    typeLimits,
    types: typeRulesOf(options, typeLimits !== undefined),
    metadata: metadata === undefined ? undefined : metadataOf(metadata),
    scan: scanOf(options.scan),
    onInfected: options.onInfected,
  };
  return [own, ...Object.entries(under).flatMap(([start, more]) => parsePolicy(more, prefix + start))];
}

function typeRulesOf(
  { types, mismatch = "refuse" }: PolicyOptions,
  areLimited: boolean,
): TypeRules | undefined {
  if (mismatch !== "refuse" && mismatch !== "correct") throw wrong("mismatch", "is 'refuse' or 'correct'");
  if (types === undefined) return areLimited ? { types, mismatch } : undefined;
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

function metadataOf(rules: MetadataRules): MetadataRules {
  const numbers = [rules.maxPairs ?? 0, rules.maxBytes ?? 0];
  if (numbers.every((each) => Number.isSafeInteger(each) && each >= 0)) return rules;
  throw wrong("metadata", "has whole numbers 'maxPairs' and 'maxBytes'");
}

function scanOf(scan: Scanner | ScanRules | undefined): ScanRules | undefined {
  if (scan === undefined) return undefined;
  const rules: ScanRules = "scanner" in scan ? scan : { scanner: scan };
  const { scanner, whenUnavailable = "refuse" } = rules;
  const isKnown = whenUnavailable === "refuse" || whenUnavailable === "accept";
  if (isKnown && typeof scanner?.begin === "function") return rules;
  throw wrong("scan (STORAGE_CLAMAV_URL)", "is a scanner like clamav(), or { scanner, whenUnavailable }");
}

function wrong(name: string, message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message: `policy: ${name} ${message}` });
}
