const firstBytes = 65_536;

/** Bytes that become one block. The buffer grows as it fills and is used again. */
export class Block {
  readonly #maxBytes: number;
  #buffer: Buffer;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(firstBytes, maxBytes));
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.#maxBytes;
  }

  /** Takes as many bytes as there is room for, and says how many. */
  append(bytes: Uint8Array): number {
    const taken = Math.min(bytes.byteLength, this.#maxBytes - this.#length);
    this.#grow(this.#length + taken);
    this.#buffer.set(bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    return taken;
  }

  clear(): void {
    this.#length = 0;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(needed: number): void {
    if (needed <= this.#buffer.byteLength) return;
    const size = Math.min(this.#maxBytes, Math.max(needed, 2 * this.#buffer.byteLength));
    const grown = Buffer.allocUnsafeSlow(size);
    grown.set(this.bytes);
    this.#buffer = grown;
  }
}
