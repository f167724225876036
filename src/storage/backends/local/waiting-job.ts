import type { JobState } from "./job-state.js";
import type { JobKind, SentOutcome } from "./jobs.js";
import type { StoreSettings } from "./store.js";

const pollMs = 1000;

/** How a job ended; `thrown` where it was not by an answer of its thread. */
export type Outcome = SentOutcome | { readonly thrown: unknown };

/** What a job brings along. */
export interface AskedJob {
  readonly store: StoreSettings;
  readonly kind: JobKind;
  readonly job: unknown;
  readonly payload: Uint8Array | undefined;
  readonly text: string | undefined;
  /** Bytes that payload and text, or the answer, need. */
  readonly room: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (() => void) | undefined;
  readonly settle: (outcome: Outcome, bytes: Uint8Array) => void;
}

/**
 * A job that waits for a thread, or for its answer. When its signal fires it ends at once unless it has begun;
 * then only its thread can say whether it happened.
 */
export class WaitingJob {
  readonly asked: AskedJob;
  #onAbort: (() => void) | undefined;
  #state: JobState | undefined;
  #isSettled = false;
  #poll: NodeJS.Timeout | undefined;

  constructor(asked: AskedJob) {
    this.asked = asked;
    if (asked.signal === undefined) return;
    this.#onAbort = () => this.#abort();
    asked.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** A thread takes the job. */
  join(state: JobState): void {
    this.#state = state;
    state.reset();
    if (this.#isSettled) state.callOff();
    else this.#watch(state);
  }

  /** Only the first outcome counts. */
  settle(outcome: Outcome, bytes: Uint8Array): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#poll !== undefined) clearInterval(this.#poll);
    const { signal, settle } = this.asked;
    if (this.#onAbort !== undefined) signal?.removeEventListener("abort", this.#onAbort);
    const isAborted = signal?.aborted && "error" in outcome && outcome.error.kind === "aborted";
    settle(isAborted ? { thrown: signal.reason } : outcome, bytes);
  }

  #abort(): void {
    if (this.#state?.callOff() === false) return;
    this.settle({ thrown: this.asked.signal?.reason }, new Uint8Array(0));
  }

  #watch(state: JobState): void {
    const { onProgress } = this.asked;
    if (onProgress === undefined) return;
    let seen = 0;
    this.#poll = setInterval(() => {
      if (state.steps !== seen) onProgress();
      seen = state.steps;
    }, pollMs).unref();
  }
}
