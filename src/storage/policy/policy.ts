import type { Check, ContentClaim } from "../content/check.js";
import { MetadataCheck } from "./metadata-check.js";
import { type PolicyOptions, type PolicyRules, parsePolicy } from "./policy-options.js";
import { ScanCheck } from "./scan-check.js";
import { admitType, TypeCheck } from "./type-check.js";
import { TypedSizeCheck } from "./typed-size-check.js";

/** Options that were read already; a storage hands them on to all that is derived from it. */
const parsed = new WeakMap<PolicyOptions, readonly PolicyRules[]>();

/**
 * What content must satisfy. Of several policies each holds, so that a route, a prefix or a call can narrow what the
 * storage allows, and never widen it.
 */
export class Policy {
  static readonly #none = new Policy([]);
  /** Of options that no call adds to, as those of a storage. */
  static readonly #known = new WeakMap<PolicyOptions | readonly PolicyOptions[], Policy>();
  readonly #rules: readonly PolicyRules[];

  private constructor(rules: readonly PolicyRules[]) {
    this.#rules = rules;
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

  /** Most bytes of content under a key, before it is known what it is. */
  maxBytesOf(key: string): number {
    return Math.min(...this.#rulesOf(key).map(({ maxBytes }) => maxBytes));
  }

  /** Whether the content of a key must be read by a check, and not only counted. */
  looksAt(key: string): boolean {
    return this.checksOf(key).length > 0;
  }

  /** New checks of one piece of content. Its type comes before what depends on it. */
  checksOf(key: string): readonly Check[] {
    const rules = this.#rulesOf(key);
    const types = rules.flatMap((each) => each.types ?? []);
    const limits = rules.flatMap(({ typeLimits }) => typeLimits ?? []);
    const listeners = rules.flatMap(({ onInfected }) => onInfected ?? []);
    return [
      ...rules.flatMap(({ metadata }) => (metadata === undefined ? [] : new MetadataCheck(metadata))),
      ...(types.length > 0 ? [new TypeCheck(types)] : []),
      ...(limits.length > 0 ? [new TypedSizeCheck(limits)] : []),
      ...rules.flatMap(({ scan }) => (scan === undefined ? [] : new ScanCheck(scan, listeners))),
    ];
  }

  /** Refuses what is said of content where no bytes could make it right. */
  admit(claim: ContentClaim): void {
    const none = new Uint8Array();
    for (const { types, typeLimits, metadata } of this.#rulesOf(claim.key)) {
      if (metadata !== undefined) new MetadataCheck(metadata).begin(none, claim);
      if (types !== undefined) admitType(types, claim.contentType);
      if (typeLimits !== undefined && types?.mismatch !== "correct") {
        new TypedSizeCheck([typeLimits]).begin(none, claim);
      }
    }
  }

  #rulesOf(key: string): readonly PolicyRules[] {
    return this.#rules.filter(({ prefix }) => key.startsWith(prefix));
  }
}

function rulesOf(options: PolicyOptions): readonly PolicyRules[] {
  const known = parsed.get(options);
  if (known !== undefined) return known;
  const rules = parsePolicy(options);
  parsed.set(options, rules);
  return rules;
}
