import { HttpError } from "./http-error.js";

/** The slowest that content may come. */
export interface Rate {
  readonly bytesPerSecond: number;
  /** Milliseconds over which it is measured. */
  readonly windowMs: number;
}

/** What a slow mobile connection exceeds tenfold, and a client that holds connections on purpose does not. */
export const leastRate: Rate = { bytesPerSecond: 500, windowMs: 20_000 };

/** Whether bytes that came within `waitedMs` are fewer than the rate asks for. */
export function isBelow({ bytesPerSecond }: Rate, bytes: number, waitedMs: number): boolean {
  return bytes < (bytesPerSecond * waitedMs) / 1000;
}

export function tooSlow({ bytesPerSecond }: Rate): HttpError {
  const message = `the content comes slower than ${bytesPerSecond} bytes a second`;
  return new HttpError(408, "request_timeout", message, { connection: "close" });
}

/**
 * Watches that pieces come at least at a rate. Only the time that is spent waiting for the sender counts, so that a
 * slow backend is never the sender's fault.
 */
export class LeastRate {
  readonly #rate: Rate;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #waitedMs = 0;
  #waitingSince: number | undefined;
  #reject: (error: HttpError) => void = () => undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#timer = setInterval(() => this.#measure(), rate.windowMs).unref();
  }

  /**
   * The next piece of a source.
   *
   * @throws HttpError (408) when the window ends and too little has come; the source is then still asked.
   */
  async next(source: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    this.#waitingSince = performance.now();
    try {
      const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.#reject = reject;
        source.next().then(resolve, reject);
      });
      this.#bytes += result.done === true ? 0 : result.value.byteLength;
      return result;
    } finally {
      this.#waitedMs += performance.now() - this.#waitingSince;
      this.#waitingSince = undefined;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #measure(): void {
    const now = performance.now();
    const pendingMs = this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
    const waitedMs = this.#waitedMs + pendingMs;
    const isMeasured = waitedMs > this.#rate.windowMs * 0.8;
    if (isMeasured && isBelow(this.#rate, this.#bytes, waitedMs)) this.#reject(tooSlow(this.#rate));
    this.#bytes = 0;
    this.#waitedMs = 0;
    if (this.#waitingSince !== undefined) this.#waitingSince = now;
  }
}
