import type { Dispatcher } from "undici";
import type { PieceReader } from "../../../contract/opened.js";
import { IdleReaderError } from "../../../contract/response-body.js";

/** Bytes that may wait for the reader before the service is told to wait. */
export const maxWaitingBytes = 262_144;

type Reader = {
  readonly resolve: (piece: Buffer | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * The body of an answer while it arrives. A reader that lets the service wait for too long loses the connection; what had
 * arrived can still be read, and the rest must be asked for again.
 */
export class BodyStream implements PieceReader {
  readonly #controller: Dispatcher.DispatchController;
  readonly #idleMs: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #reader: Reader | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isGivenUp = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param idleMs - milliseconds that the service is let wait for the reader. */
  constructor(controller: Dispatcher.DispatchController, idleMs: number) {
    this.#controller = controller;
    this.#idleMs = idleMs;
  }

  next(): Promise<Buffer | undefined> {
    const piece = this.#waiting.shift();
    if (piece !== undefined) return Promise.resolve(this.#take(piece));
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#isEnded) return Promise.resolve(undefined);
    if (this.#isGivenUp) return Promise.reject(new IdleReaderError());
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** Closes the connection unless all has come. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    if (!this.#isEnded && this.#failure === undefined)
      this.#controller.abort(new Error("the body is not read to its end"));
  }

  push(piece: Buffer): void {
    if (piece.byteLength === 0) return;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) {
      reader.resolve(piece);
      return;
    }
    this.#waiting.push(piece);
    this.#waitingBytes += piece.byteLength;
    if (this.#waitingBytes >= maxWaitingBytes) this.#pause();
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#idleTimer);
    this.#reader?.resolve(undefined);
  }

  fail(error: unknown): void {
    clearTimeout(this.#idleTimer);
    if (this.#isGivenUp) return;
    this.#failure = { error };
    this.#reader?.reject(error);
  }

  #take(piece: Buffer): Buffer {
    this.#waitingBytes -= piece.byteLength;
    if (this.#controller.paused && this.#waitingBytes < maxWaitingBytes && !this.#isGivenUp) {
      clearTimeout(this.#idleTimer);
      this.#controller.resume();
    }
    return piece;
  }

  #pause(): void {
    if (this.#controller.paused) return;
    this.#controller.pause();
    this.#idleTimer = setTimeout(() => this.#giveUp(), this.#idleMs).unref();
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#controller.abort(new IdleReaderError());
  }
}
