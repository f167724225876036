import { unlessAborted } from "../contract/abortable.js";
import { TimeoutError } from "../contract/error.js";

/**
 * Does a change. When the signal fires it has `graceMs` to tell how it ended: if it was done nevertheless, that is
 * the answer; if it failed, or tells nothing, it rejects with the signal's reason.
 */
export async function settled<T>(change: () => Promise<T>, signal: AbortSignal, graceMs: number): Promise<T> {
  signal.throwIfAborted();
  const outcome = change();
  try {
    return await unlessAborted(() => outcome, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return waitFor(outcome, graceMs, signal.reason);
  }
}

function waitFor<T>(outcome: Promise<T>, graceMs: number, reason: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(inDoubt(reason)), graceMs);
    outcome.then(resolve, () => reject(reason)).finally(() => clearTimeout(timer));
  });
}

function inDoubt(reason: unknown): unknown {
  if (!(reason instanceof TimeoutError)) return reason;
  return new TimeoutError({ message: `${reason.message}; whether it was done is not known`, cause: reason });
}
