import type { Check, ContentClaim } from "../content/check.js";
import { possibleOf } from "./decide-type.js";
import { MetadataCheck } from "./metadata-check.js";
import { type PolicyOptions, type PolicyRules, parsePolicy } from "./policy-options.js";
import { admitScan, type InfectedListener, ScanCheck, type ScanRules } from "./scan-check.js";
import type { Scanner } from "./scanner.js";
import { admitType, TypeCheck } from "./type-check.js";
import { admitSize, TypedSizeCheck, type TypeLimits } from "./typed-size-check.js";

/** Options that were read already; a storage hands them on to all that is derived from it. */
const parsed = new WeakMap<PolicyOptions, readonly PolicyRules[]>();

/**
 * What content must satisfy. Of several policies each holds, so that a route, a prefix or a call can narrow what the
 * storage allows, and never widen it.
 */
export class Policy {
  static readonly #none = new Policy([]);
  /** Policies of options that no call adds to, as those of a storage. */
  static readonly #known = new WeakMap<PolicyOptions | readonly PolicyOptions[], Policy>();
  readonly #rules: readonly PolicyRules[];
  readonly #hasPrefixes: boolean;
  #plan: Plan | undefined;

  private constructor(rules: readonly PolicyRules[]) {
    this.#rules = rules;
    this.#hasPrefixes = rules.some(({ prefix }) => prefix !== "");
  }

  /** @throws StorageConfigurationError naming the option at fault. */
  static of(
    own: PolicyOptions | readonly PolicyOptions[] | undefined,
    further?: PolicyOptions | readonly PolicyOptions[],
  ): Policy {
    if (own === undefined && further === undefined) return Policy.#none;
    if (own === undefined || further !== undefined) return Policy.#made(own ?? [], further ?? []);
    const known = Policy.#known.get(own);
    if (known !== undefined) return known;
    const policy = Policy.#made(own, []);
    Policy.#known.set(own, policy);
    return policy;
  }

  static #made(...policies: readonly (PolicyOptions | readonly PolicyOptions[])[]): Policy {
    return new Policy(policies.flat().flatMap(rulesOf));
  }

  /** Whether it can refuse anything; a policy that only listens cannot. */
  get isStrict(): boolean {
    return this.#rules.some(
      ({ maxBytes, types, typeLimits, metadata, scan }) =>
        maxBytes !== Number.POSITIVE_INFINITY ||
        [types, typeLimits, metadata, scan].some((each) => each !== undefined),
    );
  }

  /** Most bytes of content under a key, before it is known what it is. */
  maxBytesOf(key: string): number {
    return this.#planOf(key).maxBytes;
  }

  /** Whether the content of a key must be read by a check, and not only counted. */
  looksAt(key: string): boolean {
    return this.checksOf(key).length > 0;
  }

  /** New checks of one piece of content. Its type comes before what depends on it. */
  checksOf(key: string): readonly Check[] {
    const { steady, types, limits, scans, listeners } = this.#planOf(key);
    if (limits.length === 0 && scans.length === 0) return steady;
    return [
      ...steady,
      ...(limits.length > 0 ? [new TypedSizeCheck(types, limits)] : []),
      ...scans.map((scan) => new ScanCheck(scan, listeners)),
    ];
  }

  /** What tells the scanners of a key apart that leave no content unseen; two of one name count once. */
  scannersOf(key: string): readonly string[] {
    const scans = this.#planOf(key).scans.filter(leavesNothingUnseen);
    return [...new Set(scans.map(({ scanner }) => scanner.name))];
  }

  /** Refuses what is said of content where no bytes could make it right. */
  async admit(claim: ContentClaim & { readonly size: number }): Promise<void> {
    const rules = this.#rulesOf(claim.key);
    for (const { metadata } of rules) {
      if (metadata !== undefined) new MetadataCheck(metadata).begin(new Uint8Array(), claim);
    }
    const scans = this.#planOf(claim.key).scans.filter(leavesNothingUnseen);
    for (const { scanner } of scans) admitScan(scanner, claim.size);
    const ofTypes = rules.filter(({ types }) => types?.mismatch === "refuse");
    if (ofTypes.length === 0) return;
    const possible = await possibleOf(claim.contentType);
    // Without a claim the bytes alone will tell.
    if (possible.length === 0) return;
    for (const { types, typeLimits } of ofTypes) {
      if (types?.types !== undefined) admitType(types.types, possible);
      if (typeLimits !== undefined) admitSize(typeLimits, possible, claim.size);
    }
  }

  /** Without rules of prefixes it is the same for every key, and made once. */
  #planOf(key: string): Plan {
    if (this.#hasPrefixes) return planOf(this.#rulesOf(key));
    this.#plan ??= planOf(this.#rules);
    return this.#plan;
  }

  #rulesOf(key: string): readonly PolicyRules[] {
    return this.#rules.filter(({ prefix }) => key.startsWith(prefix));
  }
}

/** What the rules of a key come to. */
interface Plan {
  readonly maxBytes: number;
  /** Checks that keep nothing of the content, and so serve any number of contents. */
  readonly steady: readonly Check[];
  readonly types: TypeCheck;
  /** By type; then they decide it, too. */
  readonly limits: readonly TypeLimits[];
  readonly scans: readonly ScanRules[];
  readonly listeners: readonly InfectedListener[];
}

function planOf(rules: readonly PolicyRules[]): Plan {
  const typeRules = rules.flatMap((each) => each.types ?? []);
  const types = new TypeCheck(typeRules);
  const limits = rules.flatMap(({ typeLimits }) => typeLimits ?? []);
  return {
    maxBytes: Math.min(...rules.map(({ maxBytes }) => maxBytes)),
    steady: [
      ...rules.flatMap(({ metadata }) => (metadata === undefined ? [] : new MetadataCheck(metadata))),
      ...(typeRules.length > 0 && limits.length === 0 ? [types] : []),
    ],
    types,
    limits,
    scans: oneOfEach(rules.flatMap(({ scan }) => scan ?? [])),
    listeners: rules.flatMap(({ onInfected }) => onInfected ?? []),
  };
}

function leavesNothingUnseen({ whenUnavailable = "refuse" }: ScanRules): boolean {
  return whenUnavailable === "refuse";
}

/**
 * One scan by each scanner: two at a time would wait for each other's place among its scans. A rule that refuses wins, then
 * one that says who is told.
 */
function oneOfEach(scans: readonly ScanRules[]): readonly ScanRules[] {
  const byScanner = new Map<Scanner, ScanRules>();
  for (const scan of scans) {
    const known = byScanner.get(scan.scanner);
    const isBetter = leavesNothingUnseen(scan) || scan.onSkip !== undefined;
    if (known === undefined || (!leavesNothingUnseen(known) && isBetter)) byScanner.set(scan.scanner, scan);
  }
  return [...byScanner.values()];
}

function rulesOf(options: PolicyOptions): readonly PolicyRules[] {
  const known = parsed.get(options);
  if (known !== undefined) return known;
  const rules = parsePolicy(options);
  parsed.set(options, rules);
  return rules;
}
