const firstPauseMs = 500;

/**
 * Waits before a request is sent again: half a second, then one, then two.
 *
 * @param turn - from 0.
 * @throws the signal's reason when it fires.
 */
export function pause(turn: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      },
      firstPauseMs * 2 ** turn,
    );
    signal?.addEventListener("abort", stop, { once: true });
  });
}
