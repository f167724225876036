import type { Check, ContentClaim } from "../content/check.js";
import { SizeCheck } from "../content/size-check.js";
import { essenceOf, fitOf } from "./media-type.js";

/** Bytes by type pattern. */
export type TypeLimits = ReadonlyMap<string, number>;

/** Counts the bytes against the limit of their type, which must have been decided before. */
export class TypedSizeCheck implements Check {
  readonly #limits: readonly TypeLimits[];
  #counting: SizeCheck | undefined;

  constructor(limits: readonly TypeLimits[]) {
    this.#limits = limits;
  }

  begin(_head: Uint8Array, { contentType = "", size }: ContentClaim): undefined {
    const essence = essenceOf(contentType);
    const maxBytes = Math.min(...this.#limits.map((limits) => limitOf(essence, limits)));
    this.#counting = new SizeCheck({ maxBytes, size });
    this.#counting.begin();
  }

  pass(piece: Uint8Array): void {
    this.#counting?.pass(piece);
  }

  end(): void {
    this.#counting?.end();
  }
}

/** The limit of the pattern that fits best. */
function limitOf(essence: string, limits: TypeLimits): number {
  let best = { fit: -1, maxBytes: Number.POSITIVE_INFINITY };
  for (const [pattern, maxBytes] of limits) {
    const fit = fitOf(essence, pattern) ?? -1;
    if (fit > best.fit) best = { fit, maxBytes };
  }
  return best.maxBytes;
}
