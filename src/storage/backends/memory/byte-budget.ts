import { refusal } from "../../contract/service-error.js";

/** Bytes that may be held in all: objects, parts, and what is being written. */
export class ByteBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes bytes, or gives some back when negative. */
  reserve(bytes: number): void {
    if (bytes > 0 && this.#usedBytes + bytes > this.#maxBytes) {
      throw refusal("quota_exceeded", `the memory backend holds at most ${this.#maxBytes} bytes`);
    }
    this.#usedBytes += bytes;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
