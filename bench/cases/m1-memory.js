import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers, youngCalls } from "../harness/workers.js";

const concurrency = 16;

/** @type {import("../harness/contracts.js").Case} */
export const m1Memory = {
  id: "M1",
  title: "memory: put and get 1 KiB: the first 3,000, and 100,000 when steady; 16 at a time",
  adapters: ["raw-map", "svc-infra-memory", "svc-infra-memory-bare", "unstorage-memory", "flystorage-memory"],
  unit: "ops/s",
  run: async ({ scale, open }) => {
    const bytes = Buffer.alloc(1024, "svc-infra bench ");
    const count = Math.ceil(100_000 * scale);
    const keys = Array.from({ length: count }, (_, index) => keyOf(index));
    const put =
      (/** @type {import("../harness/contracts.js").Store} */ store) => (/** @type {number} */ index) =>
        store.put(keys[index] ?? "", bytes);
    const get =
      (/** @type {import("../harness/contracts.js").Store} */ store) => (/** @type {number} */ index) =>
        store.get(keys[index] ?? "");
    const fill = async (/** @type {number} */ calls) => {
      const store = await open();
      const puts = await measure(calls, () => workers(calls, concurrency, put(store)), { isWarm: true });
      const gets = await measure(calls, () => workers(calls, concurrency, get(store)), { isWarm: true });
      await store.close();
      return { puts, gets };
    };
    const young = await fill(Math.ceil(youngCalls * scale));
    const steady = await fill(count);
    return { put: young.puts, get: young.gets, "put steady": steady.puts, "get steady": steady.gets };
  },
};
