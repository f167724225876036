import { keyOf } from "./keys.js";
import { measure } from "./measure.js";
import { workers, youngCalls } from "./workers.js";

const concurrency = 16;

/**
 * Reads prepared objects with a store that has never seen them, then once more: a store may have kept something in memory by
 * then, as it does in a service that runs. 3,000 by the first calls of a process, and all of them after 26,000 reads.
 *
 * @param {import("./contracts.js").CaseContext} context
 * @param {string} name
 * @param {(store: import("./contracts.js").Store, key: string) => Promise<boolean>} read Whether it was right.
 */
export async function readTwice({ scale, open }, name, read) {
  let wrong = 0;
  const all = async (/** @type {import("./contracts.js").Store} */ store, /** @type {number} */ count) =>
    workers(count, concurrency, async (index) => {
      if (!(await read(store, keyOf(index)))) wrong += 1;
    });
  const passes = async (/** @type {number} */ full) => {
    const count = Math.ceil(full * scale);
    const store = await open();
    const first = await measure(count, () => all(store, count), { isWarm: true });
    const again = await measure(count, () => all(store, count), { isWarm: true });
    await store.close();
    return { first, again };
  };
  const young = await passes(youngCalls);
  await passes(10_000);
  const steady = await passes(10_000);
  const fault = wrong > 0 ? `${wrong} answers were wrong` : undefined;
  return {
    [name]: { ...young.first, fault },
    [`${name} again`]: { ...young.again, fault },
    [`${name} steady`]: { ...steady.first, fault },
    [`${name} again steady`]: { ...steady.again, fault },
  };
}
