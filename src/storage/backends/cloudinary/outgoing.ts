const sliceBytes = 65_536;

/**
 * The body of a request. While it goes out the caller's signal ends the request. One that commits cannot be
 * called back once all of it has left: from then on its answer is waited for, whatever the signal says.
 */
export class Outgoing {
  readonly #pieces: readonly Uint8Array[];
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: (() => void) | undefined;
  readonly #commits: boolean;
  readonly #controller = new AbortController();
  readonly #abort = () => this.#controller.abort(this.#signal?.reason);

  constructor(
    pieces: readonly Uint8Array[],
    options: {
      readonly signal: AbortSignal | undefined;
      readonly onProgress?: (() => void) | undefined;
      readonly commits: boolean;
    },
  ) {
    this.#pieces = pieces;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
    this.#commits = options.commits;
    this.#signal?.throwIfAborted();
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** What the request listens to. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The pieces in slices, so that progress is seen. */
  async *body(): AsyncGenerator<Uint8Array> {
    for (const piece of this.#pieces) {
      for (let at = 0; at < piece.byteLength; at += sliceBytes) {
        yield piece.subarray(at, at + sliceBytes);
        this.#onProgress?.();
      }
    }
    if (this.#commits) this.release();
  }

  /** Stops listening to the caller's signal. */
  release(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
