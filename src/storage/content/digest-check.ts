import { createHash, type Hash } from "node:crypto";
import { algorithmOf, type Checksum, ChecksumBuilder, isChecksum } from "../contract/checksum.js";
import { ChecksumMismatchError } from "../contract/error.js";
import type { Check } from "./check.js";

/** A digest that content must have: the algorithm, a colon, lower-case hex. MD5 only tells accidents. */
export type Digest = Checksum | `sha512:${string}` | `md5:${string}`;

const furtherDigest = /^(?:md5:[0-9a-f]{32}|sha512:[0-9a-f]{128})$/;

/** True for a well-formed {@link Digest}. */
export function isDigest(raw: unknown): raw is Digest {
  return isChecksum(raw) || (typeof raw === "string" && furtherDigest.test(raw));
}

/** Compares the digest of the content with the one that it was said to have. */
export class DigestCheck implements Check {
  readonly #expected: Digest;
  readonly #sum: ChecksumBuilder | Hash;

  constructor(expected: Digest) {
    this.#expected = expected;
    this.#sum = isChecksum(expected)
      ? new ChecksumBuilder(algorithmOf(expected))
      : createHash(expected.slice(0, expected.indexOf(":")));
  }

  pass(piece: Uint8Array): void {
    this.#sum.update(piece);
  }

  end(): void {
    const actual = this.#actual();
    if (actual === this.#expected) return;
    throw new ChecksumMismatchError({ message: `content has ${actual}, expected ${this.#expected}` });
  }

  #actual(): string {
    if (this.#sum instanceof ChecksumBuilder) return this.#sum.digest();
    return `${this.#expected.slice(0, this.#expected.indexOf(":"))}:${this.#sum.digest("hex")}`;
  }
}
