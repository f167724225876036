import { BackendUnavailableError } from "./error.js";
import type { PieceReader } from "./opened.js";
import type { Span } from "./range.js";

/**
 * Opens the rest of a body that broke, in the same version.
 *
 * @param at - first byte that is missing.
 * @param cause - why the body broke; to be thrown where the rest cannot be had.
 * @param attempt - 1 for the first since the last piece.
 */
export type Reopen = (at: number, cause: unknown, attempt: number) => Promise<PieceReader>;

/** A body that goes on where it broke: the one way in which backends and the retry layer resume a read. */
export class ResumingReader implements PieceReader {
  readonly #end: number;
  readonly #reopen: Reopen;
  #current: PieceReader;
  #at: number;
  #attempt = 1;
  #isClosed = false;
  readonly #signal: AbortSignal | undefined;

  /** @param signal - ends the reading between two pieces, with its reason. */
  constructor({ start, end }: Span, first: PieceReader, reopen: Reopen, signal?: AbortSignal | undefined) {
    this.#at = start;
    this.#end = end;
    this.#current = first;
    this.#reopen = reopen;
    this.#signal = signal;
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#signal?.throwIfAborted();
      try {
        return this.#count(await this.#current.next());
      } catch (error) {
        await this.#resume(error);
      }
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#current.close();
  }

  #count(piece: Uint8Array | undefined): Uint8Array | undefined {
    if (piece === undefined && this.#at < this.#end && !this.#isClosed) {
      throw new BackendUnavailableError({ message: "the body ended before all of it had come" });
    }
    this.#at += piece?.byteLength ?? 0;
    this.#attempt = 1;
    return piece;
  }

  async #resume(error: unknown): Promise<void> {
    await this.#current.close();
    if (this.#isClosed || this.#at >= this.#end) throw error;
    this.#current = await this.#reopen(this.#at, error, this.#attempt++);
    if (this.#isClosed) await this.#current.close();
  }
}
