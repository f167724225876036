import type { Check, ContentClaim } from "../content/check.js";
import { limitOfPolicy, SizeCheck, tooLarge } from "../content/size-check.js";
import type { DecidedType, KnownType } from "./decide-type.js";
import { fitOf } from "./media-type.js";
import type { TypeCheck } from "./type-check.js";

/** Bytes by type pattern. */
export type TypeLimits = ReadonlyMap<string, number>;

/** Decides what content is, and counts its bytes against the limit of that. */
export class TypedSizeCheck implements Check {
  readonly #types: TypeCheck;
  readonly #limits: readonly TypeLimits[];
  #counting: SizeCheck | undefined;

  constructor(types: TypeCheck, limits: readonly TypeLimits[]) {
    this.#types = types;
    this.#limits = limits;
  }

  begin(head: Uint8Array, claim: ContentClaim): string | Promise<string> {
    const decided = this.#types.decide(head, claim);
    return decided instanceof Promise
      ? decided.then((later) => this.#count(later, claim))
      : this.#count(decided, claim);
  }

  pass(piece: Uint8Array): void {
    this.#counting?.pass(piece);
  }

  end(): void {
    this.#counting?.end();
  }

  #count(decided: DecidedType, { size }: ContentClaim): string {
    const maxBytes = Math.min(...this.#limits.map((limits) => limitOf(decided, limits)));
    this.#counting = new SizeCheck({ ...limitOfPolicy(maxBytes), size });
    this.#counting.begin();
    return decided.contentType;
  }
}

/** Refuses a size that is too large, however content of the type is known. */
export function admitSize(limits: TypeLimits, possible: readonly KnownType[], size: number): void {
  const maxBytes = Math.max(...possible.map((each) => limitOf(each, limits)));
  if (size > maxBytes) throw tooLarge(limitOfPolicy(maxBytes));
}

/** The limit of the pattern that fits best. What only its name tells a group can limit, and not allow more than all else may have. */
function limitOf({ essence, isSigned }: KnownType, limits: TypeLimits): number {
  const byFit: number[] = [];
  for (const [pattern, maxBytes] of limits) {
    const fit = fitOf(essence, pattern);
    if (fit !== undefined) byFit[fit] ??= maxBytes;
  }
  const [all = Number.POSITIVE_INFINITY, group = all, exact] = byFit;
  return exact ?? (isSigned ? group : Math.min(group, all));
}
