import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

const concurrency = 16;

/** @type {import("../harness/contracts.js").Case} */
export const m1Memory = {
  id: "M1",
  title: "memory: put and get 100,000 x 1 KiB, 16 at a time",
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
    const warm = await open();
    await workers(Math.min(count, 5_000), concurrency, put(warm));
    await workers(Math.min(count, 5_000), concurrency, get(warm));
    await warm.close();
    const store = await open();
    const puts = await measure(count, () => workers(count, concurrency, put(store)), { isWarm: true });
    const gets = await measure(count, () => workers(count, concurrency, get(store)), { isWarm: true });
    await store.close();
    return { put: puts, get: gets };
  },
};
