import type { Check, ContentClaim } from "../content/check.js";
import { unknownContentType } from "../content/content-type.js";
import { UnsupportedTypeError } from "../contract/error.js";
import { quote } from "../contract/quote.js";
import { type DecidedType, decideType, type KnownType } from "./decide-type.js";
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

  /** @returns the content type to store. */
  begin(head: Uint8Array, claim: ContentClaim): string | Promise<string> {
    const decided = this.decide(head, claim);
    return decided instanceof Promise ? decided.then(({ contentType }) => contentType) : decided.contentType;
  }

  /** What the content is, where that is allowed. */
  decide(head: Uint8Array, claim: ContentClaim): DecidedType | Promise<DecidedType> {
    const decided = decideType(head, claim.contentType, claim.filename ?? claim.key);
    return decided instanceof Promise
      ? decided.then((later) => this.#admit(later, claim))
      : this.#admit(decided, claim);
  }

  #admit(decided: DecidedType, claim: ContentClaim): DecidedType {
    for (const { types, mismatch } of this.#rules) {
      if (!decided.isAsClaimed && mismatch === "refuse") throw otherType(decided, claim);
      if (types !== undefined && !types.some((pattern) => isAllowed(decided, pattern))) {
        throw notAllowed(decided.essence, types);
      }
    }
    return decided;
  }
}

/** Refuses a type that is not allowed, however content of it is known. */
export function admitType(types: readonly string[], possible: readonly KnownType[]): void {
  if (possible.some((each) => types.some((pattern) => isAllowed(each, pattern)))) return;
  throw notAllowed(possible[0]?.essence ?? unknownContentType, types);
}

function notAllowed(essence: string, types: readonly string[]): UnsupportedTypeError {
  return new UnsupportedTypeError({
    message: `content of type ${essence} is not allowed; allowed are ${types.join(", ")}`,
  });
}

/** What only its name tells must be named: `text/*` would let anything pass. */
function isAllowed({ essence, isSigned }: KnownType, pattern: string): boolean {
  const fit = fitOf(essence, pattern);
  return fit !== undefined && (isSigned || fit === 2);
}

function otherType({ essence }: DecidedType, { contentType = "" }: ContentClaim): UnsupportedTypeError {
  return new UnsupportedTypeError({ message: `content is ${essence}, not ${quote(contentType)} as it says` });
}
