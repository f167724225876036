import type { Check, ContentClaim } from "../content/check.js";
import { UnsupportedTypeError } from "../contract/error.js";
import { quote } from "../contract/quote.js";
import { type DecidedType, decideType } from "./decide-type.js";
import { fitOf } from "./media-type.js";

/** What one policy says of types. */
export interface TypeRules {
  /** Types like `application/pdf` or `image/*`; all when there is no list. */
  readonly types: readonly string[] | undefined;
  readonly mismatch: "refuse" | "correct";
}

/** Decides what content is, and refuses what is not allowed or something else than was claimed. */
export class TypeCheck implements Check {
  readonly #rules: readonly TypeRules[];

  constructor(rules: readonly TypeRules[]) {
    this.#rules = rules;
  }

  async begin(head: Uint8Array, claim: ContentClaim): Promise<string> {
    const decided = await decideType(head, claim.contentType, claim.filename ?? claim.key);
    for (const { types, mismatch } of this.#rules) {
      if (!decided.isAsClaimed && mismatch === "refuse") throw otherType(decided, claim);
      if (types !== undefined && !types.some((pattern) => isAllowed(decided, pattern))) {
        throw new UnsupportedTypeError({
          message: `content of type ${decided.essence} is not allowed; allowed are ${types.join(", ")}`,
        });
      }
    }
    return decided.contentType;
  }
}

/** What only its name tells must be named: `text/*` would let anything pass. */
function isAllowed({ essence, isSigned }: DecidedType, pattern: string): boolean {
  const fit = fitOf(essence, pattern);
  return fit !== undefined && (isSigned || fit === 2);
}

function otherType({ essence }: DecidedType, { contentType = "" }: ContentClaim): UnsupportedTypeError {
  return new UnsupportedTypeError({ message: `content is ${essence}, not ${quote(contentType)} as it says` });
}
