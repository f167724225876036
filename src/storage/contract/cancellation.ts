/** Milliseconds that a change which can no longer be stopped has to tell how it ended. */
const graceMs = 10_000;

/**
 * How a request is stopped: the one rule for a change that may be done though its answer is lost. Until the last byte of
 * the request goes a signal ends it at once; from then on the answer is waited for, since an error would say that nothing
 * was done.
 */
export class Cancellation {
  readonly #outer: AbortSignal | undefined;
  readonly #onFire: ((reason: unknown) => void) | undefined;
  readonly #onAbort = () => this.#abort();
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isSent = false;
  #fired: { readonly reason: unknown } | undefined;

  /**
   * @param onFire - called once when the request must stop; without it {@link signal} tells.
   * @throws the reason of a signal that has fired already.
   */
  constructor(outer: AbortSignal | undefined, onFire?: (reason: unknown) => void) {
    outer?.throwIfAborted();
    this.#outer = outer;
    this.#onFire = onFire;
    outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Fires when the request must stop. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  /** To be called before the last byte of a change goes. */
  sent(): void {
    this.#isSent = true;
  }

  /** Stops the request now. */
  cancel(reason?: unknown): void {
    this.#fire(reason);
    this.end();
  }

  /** To be called when the request is over; no signal stops it any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  #abort(): void {
    const giveUp = () => this.#fire(this.#outer?.reason);
    if (this.#isSent) this.#timer = setTimeout(giveUp, graceMs);
    else giveUp();
  }

  #fire(reason: unknown): void {
    if (this.#fired !== undefined) return;
    this.#fired = { reason };
    this.#controller?.abort(reason);
    this.#onFire?.(reason);
  }
}

/** Makes a change; the work calls `sent` of its cancellation before the last byte goes. */
export async function committed<T>(
  signal: AbortSignal | undefined,
  work: (cancellation: Cancellation) => Promise<T>,
): Promise<T> {
  const cancellation = new Cancellation(signal);
  try {
    return await work(cancellation);
  } finally {
    cancellation.end();
  }
}
