/** Milliseconds that a change which can no longer be stopped has to tell how it ended. */
const graceMs = 10_000;

/**
 * The moment from which a change can no longer be stopped. Before it a signal ends the change at once; behind it the
 * answer is waited for, since giving up would say that nothing was done.
 */
export class Commit {
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#abort();
  #timer: NodeJS.Timeout | undefined;
  #isSent = false;

  constructor(outer: AbortSignal | undefined) {
    outer?.throwIfAborted();
    this.#outer = outer;
    outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The last byte is about to go. */
  sent(): void {
    this.#isSent = true;
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

/** Makes a change whose last byte the work tells by `commit.sent()`. */
export async function committed<T>(
  signal: AbortSignal | undefined,
  work: (commit: Commit) => Promise<T>,
): Promise<T> {
  const commit = new Commit(signal);
  try {
    return await work(commit);
  } finally {
    commit.end();
  }
}
