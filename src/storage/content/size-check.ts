import { InvalidArgumentError, TooLargeError } from "../contract/error.js";
import type { Check } from "./check.js";

/** Most bytes that content may have, and who says so. */
export interface SizeLimit {
  readonly maxBytes: number;
  /** What sets the limit, as its operator reads it. Default: {@link limitNames}. */
  readonly setBy?: string;
}

/** How many bytes content may have, and how many were announced. */
export interface SizeRules extends SizeLimit {
  /** Any other number is refused. */
  readonly size: number | undefined;
}

/** Counts the bytes. */
export class SizeCheck implements Check {
  readonly #rules: SizeRules;
  #size = 0;

  constructor(rules: SizeRules) {
    this.#rules = rules;
  }

  /** Refuses a length that is announced before the content comes. */
  begin(): undefined {
    const { size, maxBytes } = this.#rules;
    if (size !== undefined && size > maxBytes) throw tooLarge(this.#rules);
  }

  pass(piece: Uint8Array): void {
    this.#size += piece.byteLength;
    if (this.#size > this.#rules.maxBytes) throw tooLarge(this.#rules);
  }

  end(): void {
    const { size } = this.#rules;
    if (size === undefined || size === this.#size) return;
    throw otherSize(this.#size, size);
  }
}

/** The refusal of content of another size than was announced. */
export function otherSize(actual: number, announced: number): InvalidArgumentError {
  return new InvalidArgumentError({ message: `content has ${actual} bytes, ${announced} were announced` });
}

/** All that a limit can come from: a storage may have taken it from its policy. */
export const limitNames =
  "STORAGE_MAX_UPLOAD_BYTES, the option maxUploadBytes of addStorage and easyStorage, or maxBytes of the policy or of the call sets it";

/** A limit that the policy sets. */
export function limitOfPolicy(maxBytes: number): Required<SizeLimit> {
  return { maxBytes, setBy: "maxBytes of the policy or of the call sets it" };
}

/** The smaller limit of the two. */
export function smallerLimit(maxBytes: number, ofPolicy: number): Required<SizeLimit> {
  return ofPolicy < maxBytes ? limitOfPolicy(ofPolicy) : { maxBytes, setBy: limitNames };
}

/** The refusal of content over a limit. */
export function tooLarge({ maxBytes, setBy = limitNames }: SizeLimit): TooLargeError {
  return new TooLargeError({ message: `content is larger than ${maxBytes} bytes; ${setBy}` });
}
