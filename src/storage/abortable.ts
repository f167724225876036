import type { Bytes } from "./backend.js";

/**
 * The same pieces, but waiting for one ends at once when the signal fires, with its reason. The source is
 * told to stop and not waited for: one that hangs could not answer.
 */
export async function* abortable(source: Bytes, signal: AbortSignal | undefined): Bytes {
  if (signal === undefined) return yield* source;
  const iterator = source[Symbol.asyncIterator]();
  let isEnded = false;
  try {
    for (;;) {
      const { done, value } = await unlessAborted(() => iterator.next(), signal);
      isEnded = done === true;
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (signal.aborted) isEnded = leave(iterator);
    throw error;
  } finally {
    if (!isEnded) await iterator.return?.();
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
