import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { steadyCalls, workers, youngCalls } from "../harness/workers.js";

export const objectBytes = 4096;
export const smallObjectAdapters = [
  "raw-fs",
  "raw-fs-safe",
  "svc-infra-local",
  "svc-infra-local-bare",
  "unstorage-fs",
  "flydrive-fs",
  "flystorage-local",
];
const bytes = Buffer.alloc(objectBytes, "svc-infra bench ");
const concurrency = 16;

/** @type {import("../harness/contracts.js").Case} */
export const l1Put = {
  id: "L1",
  title: "put 4 KiB: the first 3,000, and 10,000 when steady; 16 at a time",
  adapters: [...smallObjectAdapters, "svc-infra-local-policy"],
  unit: "ops/s",
  run: async (context) => putMany(context, 10_000),
};

/**
 * Fills an empty store: by the first calls of a process, and by `full` of one that has put for a while.
 *
 * @param {import("../harness/contracts.js").CaseContext} context
 * @param {number} full
 */
export async function putMany(context, full) {
  const { dir, scale, openSpare } = context;
  const put =
    (/** @type {import("../harness/contracts.js").Store} */ store) => (/** @type {number} */ index) =>
      store.put(keyOf(index), bytes);
  const young = await fill(context, dir, youngCalls);
  const spare = await openSpare();
  await workers(Math.ceil(steadyCalls * scale), concurrency, put(spare));
  await spare.close();
  return { put: young, "put steady": await fill(context, `${dir}-steady`, full) };
}

/**
 * Fills an empty folder and reads some of it back.
 *
 * @param {import("../harness/contracts.js").CaseContext} context
 * @param {string} dir
 * @param {number} full
 */
async function fill({ scale, open }, dir, full) {
  const store = await open(dir);
  const count = Math.ceil(full * scale);
  const work = () => workers(count, concurrency, (index) => store.put(keyOf(index), bytes));
  const result = await measure(count, work, { isWarm: true });
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
  const store = await open(dir);
  await workers(Math.ceil(10_000 * scale), concurrency, (index) => store.put(keyOf(index), bytes));
  await store.close();
}
