import { hash } from "node:crypto";

const blockBytes = 64;
const digestBytes = 32;
const usualTextBytes = 512;

/**
 * A key of HMAC-SHA-256, made of two hashes (RFC 2104 §2) that Node makes at once. `createHmac` sets up a stream for
 * each text, which takes as long as all the hashing of a signature.
 */
export class HmacKey {
  readonly #key: Uint8Array;
  #inner: Buffer;
  readonly #outer: Buffer;

  /** @param key - at most 64 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#inner = padded(key, 0x36, usualTextBytes);
    this.#outer = padded(key, 0x5c, digestBytes);
  }

  /** The code of a text, in hexadecimal. */
  digest(text: string): string {
    const longest = 3 * text.length;
    if (blockBytes + longest > this.#inner.byteLength) this.#inner = padded(this.#key, 0x36, longest);
    const end = blockBytes + this.#inner.write(text, blockBytes);
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end), "binary"), blockBytes, "binary");
    return hash("sha256", this.#outer, "hex");
  }
}

/** A block of the key, followed by room for so many bytes. */
function padded(key: Uint8Array, pad: number, room: number): Buffer {
  const bytes = Buffer.alloc(blockBytes + room, pad);
  for (const [at, byte] of key.entries()) bytes[at] = byte ^ pad;
  return bytes;
}
