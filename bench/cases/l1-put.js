import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

export const objectBytes = 4096;
const concurrency = 16;

/** @type {import("../harness/contracts.js").Case} */
export const l1Put = {
  id: "L1",
  title: "put 10,000 x 4 KiB, 16 at a time",
  adapters: ["raw-fs", "raw-fs-safe", "svc-infra-local", "unstorage-fs", "flydrive-fs", "flystorage-local"],
  unit: "ops/s",
  run: async (context) => ({ put: await putMany(context, 10_000) }),
};

/**
 * Fills an empty store and reads some of it back.
 *
 * @param {import("../harness/contracts.js").CaseContext} context
 * @param {number} full
 */
export async function putMany({ dir, scale, open }, full) {
  const bytes = Buffer.alloc(objectBytes, "svc-infra bench ");
  const put =
    (/** @type {import("../harness/contracts.js").Store} */ store) => (/** @type {number} */ index) =>
      store.put(keyOf(index), bytes);
  const warm = await open(`${dir}-warm`);
  await workers(Math.ceil(3_000 * scale), concurrency, put(warm));
  await warm.close();
  const store = await open();
  const count = Math.ceil(full * scale);
  const result = await measure(count, () => workers(count, concurrency, put(store)), { isWarm: true });
  const kept = await store.get(keyOf(count - 1));
  await store.close();
  return kept !== null && Buffer.compare(kept, bytes) === 0
    ? result
    : { ...result, fault: "other bytes came back" };
}

/**
 * What the cases that read find on disk.
 *
 * @param {import("../harness/contracts.js").CaseContext} context
 */
export async function prepareObjects({ dir, scale, open }) {
  const bytes = Buffer.alloc(objectBytes, "svc-infra bench ");
  for (const [place, count] of /** @type {const} */ ([
    [`${dir}-warm`, 3_000],
    [dir, 10_000],
  ])) {
    const store = await open(place);
    await workers(Math.ceil(count * scale), concurrency, (index) => store.put(keyOf(index), bytes));
    await store.close();
  }
}
