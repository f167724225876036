import { keyOf } from "../harness/keys.js";
import { measure } from "../harness/measure.js";
import { workers } from "../harness/workers.js";

const concurrency = 16;
const sizes = /** @type {const} */ ([
  ["256 KiB", 262_144, 800],
  ["1 MiB", 1_048_576, 300],
]);

/**
 * Larger objects on a real disk, with files and folders synced before the answer.
 *
 * @type {import("../harness/contracts.js").Case}
 */
export const l7PutDurableLarge = {
  id: "L7",
  title: "put 256 KiB and 1 MiB with fsync of files and folders, 16 at a time, on disk",
  adapters: ["raw-fs-safe", "svc-infra-local"],
  unit: "ops/s",
  isOnDisk: true,
  isDurable: true,
  run: putLarge,
};

/** @type {import("../harness/contracts.js").Case} */
export const l8PutLarge = {
  id: "L8",
  title: "the same without fsync",
  adapters: ["raw-fs-safe", "svc-infra-local", "unstorage-fs", "flydrive-fs", "flystorage-local"],
  unit: "ops/s",
  isOnDisk: true,
  run: putLarge,
};

/** @param {import("../harness/contracts.js").CaseContext} context */
async function putLarge({ dir, scale, open }) {
  /** @type {Record<string, import("../harness/measure.js").Measure>} */
  const results = {};
  for (const [name, size, full] of sizes) {
    const bytes = Buffer.alloc(size, "svc-infra bench ");
    const store = await open(`${dir}-${size}`);
    const count = Math.ceil(full * scale);
    await workers(Math.ceil(count / 4), concurrency, (index) => store.put(`warm/${keyOf(index)}`, bytes));
    const work = () => workers(count, concurrency, (index) => store.put(keyOf(index), bytes));
    const result = await measure(count, work, { isWarm: true });
    const kept = await store.stat(keyOf(count - 1));
    await store.close();
    const fault = kept.size === size ? undefined : `${kept.size} bytes were stored`;
    results[`put ${name}`] = { ...result, fault };
  }
  return results;
}
