/** Waits for a closing call so many milliseconds and no longer: the client of a server that is away may wait for ever. */
export async function within(timeoutMs: number, call: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    // A longer one would run out at once.
    timer = setTimeout(resolve, Math.min(timeoutMs, 2 ** 31 - 1));
  });
  await Promise.race([call.catch(() => undefined), late]);
  clearTimeout(timer);
}
