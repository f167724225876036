import { InvalidArgumentError, TooLargeError } from "../contract/error.js";
import type { Check } from "./check.js";

/** How many bytes content may have, and how many were announced. */
export interface SizeRules {
  readonly maxBytes: number;
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
    if (size !== undefined && size > maxBytes) throw tooLarge(maxBytes);
  }

  pass(piece: Uint8Array): void {
    this.#size += piece.byteLength;
    if (this.#size > this.#rules.maxBytes) throw tooLarge(this.#rules.maxBytes);
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

/** Where a limit comes from. */
export const limitNames =
  "STORAGE_MAX_UPLOAD_BYTES, or the option maxUploadBytes of addStorage and easyStorage, sets it for all content";

/** The refusal of content over a limit. */
export function tooLarge(maxBytes: number): TooLargeError {
  return new TooLargeError({ message: `content is larger than ${maxBytes} bytes; ${limitNames}` });
}
