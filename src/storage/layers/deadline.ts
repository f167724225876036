import { TimeoutError } from "../contract/error.js";

/**
 * A signal that fires when there is no progress for so long, or when the outer one fires. Between {@link pause}
 * and {@link progress} time does not count. {@link end} lets go of the timer and of the outer signal.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#outer = outer;
    if (outer?.aborted) this.#onAbort();
    else outer?.addEventListener("abort", this.#onAbort, { once: true });
    this.progress();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something happened: the time begins anew, unless it is over. */
  progress(): void {
    this.pause();
    if (this.#isOver) return;
    this.#timer = setTimeout(() => this.#expire(), this.#timeoutMs);
  }

  /** Nothing is being waited for. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.#isOver = true;
    this.pause();
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  #expire(): void {
    this.#isOver = true;
    this.#controller.abort(new TimeoutError({ message: `no progress for ${this.#timeoutMs} ms` }));
  }
}
