import { StorageConfigurationError } from "./error.js";

/**
 * Bounds the repetitions of all calls together, so that a backend that is down is not asked many times as often:
 * each repetition takes a token, each success gives a tenth back.
 */
export class RetryBudget {
  readonly #capacity: number;
  #tokens: number;

  /** @param capacity - most repetitions without a success between them. */
  constructor(capacity = 100) {
    if (!(typeof capacity === "number" && capacity >= 0)) {
      throw new StorageConfigurationError({
        message: "new RetryBudget takes a number of repetitions, as in new RetryBudget(100)",
      });
    }
    this.#capacity = capacity;
    this.#tokens = capacity;
  }

  /** Takes a token; `false` when none is left. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Notes a call that succeeded, at once or in the end. */
  refill(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + 0.1);
  }
}
