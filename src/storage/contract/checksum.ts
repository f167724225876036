import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";

/** A content checksum: the algorithm, a colon, lower-case hex. `crc32` is the one of IEEE 802.3, as in zip and S3. */
export type Checksum = `crc32:${string}` | `sha256:${string}`;

/** Algorithms that can be computed while bytes stream by. */
export type ChecksumAlgorithm = "crc32" | "sha256";

const form = /^(?:crc32:[0-9a-f]{8}|sha256:[0-9a-f]{64})$/;

/** True for a well-formed {@link Checksum}. */
export function isChecksum(raw: unknown): raw is Checksum {
  return typeof raw === "string" && form.test(raw);
}

/** The algorithm of a checksum. */
export function algorithmOf(checksum: Checksum): ChecksumAlgorithm {
  return checksum.startsWith("crc32:") ? "crc32" : "sha256";
}

/** The checksum of bytes that are all at hand. */
export function checksumOf(bytes: Uint8Array, algorithm: ChecksumAlgorithm = "crc32"): Checksum {
  return algorithm === "crc32"
    ? formatCrc(crc32(bytes))
    : new ChecksumBuilder(algorithm).update(bytes).digest();
}

/** Whether bytes that are all at hand have a checksum. */
export function hasChecksum(bytes: Uint8Array, checksum: Checksum): boolean {
  const algorithm = algorithmOf(checksum);
  // As numbers: writing the sum out takes longer than making it.
  if (algorithm === "crc32") return crc32(bytes) === Number.parseInt(checksum.slice("crc32:".length), 16);
  return checksumOf(bytes, algorithm) === checksum;
}

/** Computes a checksum over bytes that pass by in pieces. */
export class ChecksumBuilder {
  #crc = 0;
  readonly #hash: Hash | undefined;

  constructor(algorithm: ChecksumAlgorithm) {
    this.#hash = algorithm === "sha256" ? createHash("sha256") : undefined;
  }

  update(bytes: Uint8Array): this {
    if (this.#hash === undefined) this.#crc = crc32(bytes, this.#crc);
    else this.#hash.update(bytes);
    return this;
  }

  /** Ends the computation; call it once. */
  digest(): Checksum {
    if (this.#hash !== undefined) return `sha256:${this.#hash.digest("hex")}`;
    return formatCrc(this.#crc);
  }
}

/** `crc32:` and eight digits, by their character codes: a tenth of the time that writing a number out and padding it takes. */
function formatCrc(crc: number): Checksum {
  return String.fromCharCode(
    0x63,
    0x72,
    0x63,
    0x33,
    0x32,
    0x3a,
    hexCode(crc >>> 28),
    hexCode(crc >>> 24),
    hexCode(crc >>> 20),
    hexCode(crc >>> 16),
    hexCode(crc >>> 12),
    hexCode(crc >>> 8),
    hexCode(crc >>> 4),
    hexCode(crc),
  ) as Checksum;
}

/** The character code of the lowest hex digit of a number. */
function hexCode(number: number): number {
  const digit = number & 0xf;
  return digit + (digit < 10 ? 0x30 : 0x57);
}
