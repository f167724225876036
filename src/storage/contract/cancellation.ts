/** Milliseconds that a change which can no longer be stopped has to tell how it ended. */
const graceMs = 10_000;

/**
 * How a request is stopped. Before its last byte goes a signal ends it at once; behind that the answer is waited for,
 * since giving up would say that nothing was done.
 */
export class Cancellation {
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#abort();
  #timer: NodeJS.Timeout | undefined;
  #isSent = false;

  /** @throws the reason of a signal that has fired already. */
  constructor(outer: AbortSignal | undefined) {
    outer?.throwIfAborted();
    this.#outer = outer;
    outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The last byte of a change is about to go. */
  sent(): void {
    this.#isSent = true;
  }

  /** Stops the request now. */
  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
    this.end();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  #abort(): void {
    const giveUp = () => this.#controller.abort(this.#outer?.reason);
    if (this.#isSent) this.#timer = setTimeout(giveUp, graceMs);
    else giveUp();
  }
}
