import { setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "./backend.js";
import { RetryBudget } from "./retry-budget.js";
import { checkStorageOptions, type OptionRules } from "./storage-options.js";

/** Options of the layer `retry`. */
export interface RetryOptions {
  /** Attempts in all; 4 by default. */
  readonly attempts?: number | undefined;
  /** Upper bound of the first pause, in milliseconds, doubled each time; 100 by default. */
  readonly baseDelayMs?: number | undefined;
  /** Upper bound of every pause, in milliseconds; 5,000 by default. */
  readonly maxDelayMs?: number | undefined;
  /** Longest `Retry-After` that is waited for, in milliseconds; a longer one fails at once. 30,000 by default. */
  readonly maxRetryAfterMs?: number | undefined;
  /** One budget for several storages on one service; each has its own by default. */
  readonly budget?: RetryBudget | undefined;
  /** 0 to 1, like `Math.random`; for tests. */
  readonly random?: (() => number) | undefined;
}

const rules: OptionRules<RetryOptions> = {
  call: "retry",
  kinds: {
    attempts: "number",
    baseDelayMs: "number",
    maxDelayMs: "number",
    maxRetryAfterMs: "number",
    budget: "object",
    random: "function",
  },
  instead: {
    retries: "attempts, which counts the first one too",
    maxRetries: "attempts, which counts the first one too",
  },
};

/** Failures that may pass by themselves. */
const transient: ReadonlySet<Failure["code"]> = new Set(["unavailable", "timeout", "rate_limited"]);

/** When to try again: exponential pauses with full jitter, attempts and a budget. */
export class Backoff {
  readonly #options: RetryOptions;
  readonly #budget: RetryBudget;

  constructor(options: RetryOptions) {
    checkStorageOptions(options, rules);
    this.#options = options;
    this.#budget = options.budget ?? new RetryBudget();
  }

  /**
   * Waits before attempt number `attempt` + 1.
   *
   * @returns `false`, at once, when no further attempt is made.
   */
  async pause(failure: Failure, attempt: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { attempts = 4, maxRetryAfterMs = 30_000 } = this.#options;
    const { retryAfterMs = 0 } = failure;
    if (signal?.aborted || !isTransient(failure)) return false;
    if (attempt >= attempts || retryAfterMs > maxRetryAfterMs || !this.#budget.take()) return false;
    await abortableSleep(Math.max(this.#jitter(attempt), retryAfterMs), signal);
    return true;
  }

  succeeded(): void {
    this.#budget.refill();
  }

  #jitter(attempt: number): number {
    const { baseDelayMs = 100, maxDelayMs = 5000, random = Math.random } = this.#options;
    return random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
  }
}

/** True for failures that may pass by themselves. */
export function isTransient({ code }: Failure): boolean {
  return transient.has(code);
}

async function abortableSleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
