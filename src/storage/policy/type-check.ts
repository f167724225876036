import type { Check, ContentClaim } from "../content/check.js";
import { unknownContentType } from "../content/content-type.js";
import { UnsupportedTypeError } from "../contract/error.js";
import { quote } from "../contract/quote.js";
import { type DecidedType, decideType } from "./decide-type.js";
import { essenceOf, fitOf } from "./media-type.js";

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

  begin(head: Uint8Array, claim: ContentClaim): string | Promise<string> {
    const decided = decideType(head, claim.contentType, claim.filename ?? claim.key);
    return decided instanceof Promise
      ? decided.then((later) => this.#admit(later, claim))
      : this.#admit(decided, claim);
  }

  /** @returns the content type to store. */
  #admit(decided: DecidedType, claim: ContentClaim): string {
    for (const { types, mismatch } of this.#rules) {
      if (!decided.isAsClaimed && mismatch === "refuse") throw otherType(decided, claim);
      if (types !== undefined && !types.some((pattern) => isAllowed(decided, pattern))) {
        throw notAllowed(decided.essence, types);
      }
    }
    return decided.contentType;
  }
}

/** Refuses a claim that could only be a lie or not allowed. */
export function admitType({ types, mismatch }: TypeRules, contentType: string | undefined): void {
  if (types === undefined || mismatch === "correct" || contentType === undefined) return;
  const essence = essenceOf(contentType);
  if (essence === unknownContentType || types.some((pattern) => fitOf(essence, pattern) !== undefined))
    return;
  throw notAllowed(essence, types);
}

function notAllowed(essence: string, types: readonly string[]): UnsupportedTypeError {
  return new UnsupportedTypeError({
    message: `content of type ${essence} is not allowed; allowed are ${types.join(", ")}`,
  });
}

/** What only its name tells must be named: `text/*` would let anything pass. */
function isAllowed({ essence, isSigned }: DecidedType, pattern: string): boolean {
  const fit = fitOf(essence, pattern);
  return fit !== undefined && (isSigned || fit === 2);
}

function otherType({ essence }: DecidedType, { contentType = "" }: ContentClaim): UnsupportedTypeError {
  return new UnsupportedTypeError({ message: `content is ${essence}, not ${quote(contentType)} as it says` });
}
