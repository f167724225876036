/** Longest delay that `setTimeout` takes. */
const longestMs = 2 ** 31 - 1;

/** Calls a function at an instant, however far away; it keeps no process alive. */
export class Timer {
  readonly #at: number;
  readonly #onTime: () => void;
  #timeout: NodeJS.Timeout | undefined;

  /** @param at - milliseconds since 1970. */
  constructor(at: number, onTime: () => void) {
    this.#at = at;
    this.#onTime = onTime;
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timeout);
  }

  #arm(): void {
    const leftMs = this.#at - Date.now();
    const fire = leftMs > longestMs ? () => this.#arm() : this.#onTime;
    this.#timeout = setTimeout(fire, Math.min(Math.max(leftMs, 0), longestMs)).unref();
  }
}
