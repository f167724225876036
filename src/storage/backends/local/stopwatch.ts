/** Adds up how long a thread has stood still for the disk. */
export class Stopwatch {
  #ms = 0;

  time<T>(work: () => T): T {
    const startMs = performance.now();
    try {
      return work();
    } finally {
      this.addSince(startMs);
    }
  }

  /** What began at `startMs` is over; for what is done so often that it should need no function of its own. */
  addSince(startMs: number): void {
    this.#ms += performance.now() - startMs;
  }

  /** Milliseconds since the last call. */
  take(): number {
    const ms = this.#ms;
    this.#ms = 0;
    return ms;
  }
}
