import { keyOf } from "./keys.js";
import { measure } from "./measure.js";
import { workers } from "./workers.js";

const concurrency = 16;

/**
 * Reads every prepared object with a store that has never seen it, then once more: a store may have kept something in
 * memory by then, as it does in a service that runs. Once in a young process, and once more after 40,000 reads.
 *
 * @param {import("./contracts.js").CaseContext} context
 * @param {string} name
 * @param {(store: import("./contracts.js").Store, key: string) => Promise<boolean>} read Whether it was right.
 */
export async function readTwice({ dir, scale, open }, name, read) {
  let wrong = 0;
  const all = async (/** @type {import("./contracts.js").Store} */ store, /** @type {number} */ count) =>
    workers(count, concurrency, async (index) => {
      if (!(await read(store, keyOf(index)))) wrong += 1;
    });
  const warm = await open(`${dir}-warm`);
  await all(warm, Math.ceil(3_000 * scale));
  await warm.close();
  const count = Math.ceil(10_000 * scale);
  const passes = async () => {
    const store = await open();
    const first = await measure(count, () => all(store, count), { isWarm: true });
    const again = await measure(count, () => all(store, count), { isWarm: true });
    await store.close();
    return { first, again };
  };
  const young = await passes();
  await passes();
  const steady = await passes();
  const fault = wrong > 0 ? `${wrong} answers were wrong` : undefined;
  return {
    [name]: { ...young.first, fault },
    [`${name} again`]: { ...young.again, fault },
    [`${name} steady`]: { ...steady.first, fault },
    [`${name} again steady`]: { ...steady.again, fault },
  };
}
