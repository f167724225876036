import type { Check, ContentClaim } from "../content/check.js";
import { InvalidArgumentError } from "../contract/error.js";
import { quote } from "../contract/quote.js";

/** What the user's own pairs may be, within what every storage allows. */
export interface MetadataRules {
  /** Most pairs. */
  readonly maxPairs?: number | undefined;
  /** Most bytes of all names and values together, in UTF-8. */
  readonly maxBytes?: number | undefined;
  /** The only names. */
  readonly names?: readonly string[] | undefined;
}

/** Holds the metadata to its rules. */
export class MetadataCheck implements Check {
  readonly #rules: MetadataRules;

  constructor(rules: MetadataRules) {
    this.#rules = rules;
  }

  begin(_head: Uint8Array, { metadata }: ContentClaim): undefined {
    const { maxPairs = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY, names } = this.#rules;
    const pairs = Object.entries(metadata);
    if (pairs.length > maxPairs) throw refused(`metadata has more than ${maxPairs} pairs`);
    const bytes = pairs.reduce((sum, pair) => sum + Buffer.byteLength(pair.join("")), 0);
    if (bytes > maxBytes) throw refused(`metadata is larger than ${maxBytes} bytes`);
    const [other] = pairs.find(([name]) => names !== undefined && !names.includes(name)) ?? [];
    if (other !== undefined) throw refused(`the metadata ${quote(other)} is not allowed`);
  }
}

function refused(message: string): InvalidArgumentError {
  return new InvalidArgumentError({ message });
}
