/** Longest delay of a Node timer, in milliseconds. */
const maxDelayMs = 2 ** 31 - 1;

/** Removes entries when the oldest one has lived long enough, without keeping the process alive. */
export class ExpiryClock {
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #removeUntil: (time: number) => number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;

  /** @param removeUntil - removes what began at or before a time and tells when the next one began. */
  constructor(ttlMs: number, now: () => number, removeUntil: (time: number) => number | undefined) {
    this.#ttlMs = ttlMs;
    this.#now = now;
    this.#removeUntil = removeUntil;
  }

  /** Removes what has expired by now; a timer may be late. */
  check(): void {
    if (this.#now() < this.#wakesAt) return;
    const oldest = this.#removeUntil(this.#now() - this.#ttlMs);
    this.stop();
    if (oldest !== undefined) this.#wakeAt(oldest + this.#ttlMs);
  }

  /** Sees to it that something new will expire. */
  start(): void {
    if (this.#timer === undefined) this.#wakeAt(this.#now() + this.#ttlMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakesAt = Number.POSITIVE_INFINITY;
  }

  /** Also looks again when the delay was cut short by the timer's limit or the clock was set back. */
  #wake(): void {
    const time = this.#wakesAt;
    this.#timer = undefined;
    if (this.#now() < time) this.#wakeAt(time);
    else this.check();
  }

  #wakeAt(time: number): void {
    const delay = Math.min(Math.max(time - this.#now(), 1), maxDelayMs);
    this.#wakesAt = time;
    this.#timer = setTimeout(() => this.#wake(), delay).unref();
  }
}
