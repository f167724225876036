import { keyOf } from "./keys.js";
import { measure } from "./measure.js";
import { workers } from "./workers.js";

const concurrency = 16;

/**
 * Reads every prepared object in a process that has never seen it, then once more: a store may have kept
 * something in memory by then, as it does in a service that runs.
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
  const store = await open();
  const count = Math.ceil(10_000 * scale);
  const first = await measure(count, () => all(store, count), { isWarm: true });
  const again = await measure(count, () => all(store, count), { isWarm: true });
  await store.close();
  const fault = wrong > 0 ? `${wrong} answers were wrong` : undefined;
  return { [name]: { ...first, fault }, [`${name} again`]: { ...again, fault } };
}
