import { setMaxListeners } from "node:events";
import type { Bytes } from "./backend.js";

/**
 * The same pieces, but waiting for one ends at once when the signal fires, with its reason. The source is
 * told to stop and not waited for: one that hangs could not answer.
 */
export async function* abortable(source: Bytes, signal: AbortSignal | undefined): Bytes {
  if (signal === undefined) return yield* source;
  const iterator = source[Symbol.asyncIterator]();
  const abortion = new Abortion(signal);
  let isEnded = false;
  try {
    for (;;) {
      const { done, value } = await abortion.or(() => iterator.next());
      isEnded = done === true;
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (signal.aborted) isEnded = leave(iterator);
    throw error;
  } finally {
    abortion.end();
    if (!isEnded) await iterator.return?.();
  }
}

/** Listens to a signal once for many pieces, of which one at a time is waited for. */
class Abortion {
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#reject?.(this.#signal.reason);
  #reject: ((reason: unknown) => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The outcome of the work, or the reason of the signal if that comes first. */
  or<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#signal.aborted) return reject(this.#signal.reason);
      this.#reject = reject;
      work().then(resolve, reject);
    });
  }

  end(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Does the work, but stops waiting for it when the signal fires, with its reason. */
export function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => reject(signal.reason);
    const done = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    work().then(resolve, reject).finally(done);
  });
}

function leave(iterator: AsyncIterator<Uint8Array>): true {
  iterator.return?.().catch(() => undefined);
  return true;
}

/** One signal for as many listeners at once as there may be; Node would warn of more than ten as of a leak. */
export function sharedSignal(...signals: AbortSignal[]): AbortSignal {
  const shared = AbortSignal.any(signals);
  setMaxListeners(0, shared);
  return shared;
}
