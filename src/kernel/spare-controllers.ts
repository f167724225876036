import { getEventListeners } from "node:events";

/** Controllers that are kept, and calls that one may serve. */
const maxKept = 256;
const maxUses = 1000;

/**
 * Abort controllers that serve one call after the other, since to make one costs as much as some system calls. One that
 * has fired, or whose signal something still listens to, is not used again.
 */
export class SpareControllers {
  readonly #kept: SpareController[] = [];

  take(): SpareController {
    const kept = this.#kept.pop();
    return kept?.isReusable ? kept : new SpareController();
  }

  /** The call that took it has ended, and nothing looks at its signal any more. */
  giveBack(controller: SpareController): void {
    if (this.#kept.length < maxKept) this.#kept.push(controller);
  }
}

/** An `AbortController` of {@link SpareControllers}. */
export class SpareController extends AbortController {
  #uses = 0;

  get isReusable(): boolean {
    // What derives from a signal stays attached to it for as long as it lives.
    this.#uses += 1;
    const { signal } = this;
    return !signal.aborted && this.#uses < maxUses && getEventListeners(signal, "abort").length === 0;
  }
}
