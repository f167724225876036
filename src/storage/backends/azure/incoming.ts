import type { Readable } from "node:stream";
import type { Cancellation } from "../../contract/cancellation.js";
import { AzureError } from "./azure-error.js";

/**
 * The body of an answer while it arrives. A reader that does not come does not hold the connection: it is given up
 * when the reader was away for too long, and the rest must be asked for again.
 */
export class Incoming {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #cancellation: Cancellation;
  readonly #idleMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isGivenUp = false;
  #isEnded = false;

  /** @param idleMs - milliseconds that the service is let wait for the reader. */
  constructor(stream: Readable, cancellation: Cancellation, idleMs: number) {
    // An error between two pieces is told with the next one.
    stream.on("error", () => undefined);
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#cancellation = cancellation;
    this.#idleMs = idleMs;
    this.#rest();
  }

  /** Whether the connection was given up. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** The next piece; `undefined` when there is none any more. */
  async next(): Promise<Buffer | undefined> {
    clearTimeout(this.#timer);
    if (this.#isGivenUp) return undefined;
    try {
      const { done, value } = await this.#pieces.next();
      if (done === true) this.end();
      else this.#rest();
      return done === true ? undefined : value;
    } catch (error) {
      throw this.#reasonOf(error);
    }
  }

  /** All of it, when it has so many bytes. */
  async all(size: number): Promise<Buffer<ArrayBuffer>> {
    const pieces: Buffer[] = [];
    for (let piece = await this.next(); piece !== undefined; piece = await this.next()) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (bytes.byteLength !== size) throw endedEarly();
    return bytes;
  }

  /** All has come; the connection is free for the next request. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#cancellation.end();
  }

  /** Lets go of the connection, unless all has come. */
  cancel(): void {
    clearTimeout(this.#timer);
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancellation.cancel(new Error("the body is not read to its end"));
    this.#pieces.return?.().catch(() => undefined);
  }

  #rest(): void {
    this.#timer = setTimeout(() => {
      this.#isGivenUp = true;
      this.cancel();
    }, this.#idleMs).unref();
  }

  /** The SDK tells of a connection that broke as if the caller had stopped it. */
  #reasonOf(error: unknown): unknown {
    const { signal } = this.#cancellation;
    this.#cancellation.end();
    return signal.aborted ? signal.reason : endedEarly(error);
  }
}

/** The body ended before all of it had come. */
export function endedEarly(error?: unknown): AzureError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : "IncompleteBody";
  return new AzureError("unavailable", { reason });
}
