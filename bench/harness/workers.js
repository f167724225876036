/** As many calls as a process counts as young for. */
export const youngCalls = 3_000;

/** Calls after which every store here has all its code compiled, in each of its threads, as in a service that has run for some minutes. */
export const steadyCalls = 100_000;

/**
 * Does `count` operations with `concurrency` of them under way at any time.
 *
 * @param {number} count
 * @param {number} concurrency
 * @param {(index: number) => Promise<unknown>} operation
 */
export async function workers(count, concurrency, operation) {
  let next = 0;
  const work = async () => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, work));
}
