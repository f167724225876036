import type { PieceReader } from "../contract/opened.js";
import type { Deadline } from "./deadline.js";

/** A body that fails when a piece is too long in coming. The clock runs only while the reader waits for one. */
export class TimedReader implements PieceReader {
  readonly #inner: PieceReader;
  readonly #deadline: Deadline;

  constructor(inner: PieceReader, deadline: Deadline) {
    this.#inner = inner;
    this.#deadline = deadline;
    deadline.pause();
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      const piece = await this.#deadline.next(() => this.#inner.next());
      if (piece === undefined) this.#deadline.end();
      return piece;
    } catch (error) {
      this.#deadline.end();
      // A body that hangs could not answer, so its end is not waited for.
      this.#inner.close().catch(() => undefined);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#deadline.end();
    return this.#inner.close();
  }
}
