import { listedKeys, pagesAt } from "../harness/listed-keys.js";
import { measure } from "../harness/measure.js";
import { clients } from "./s1-objects.js";

/** @type {import("../harness/contracts.js").Case} */
export const s4List = {
  id: "S4",
  title: "S3: list 100,000 objects in 100 pages",
  adapters: clients,
  unit: "ms",
  isOnS3: true,
  run: async ({ scale, open }) => {
    const store = await open();
    await store.allKeys();
    /** @type {string[]} */
    let keys = [];
    const work = async () => {
      keys = await store.allKeys();
    };
    const list = await measure(1, work, { isWarm: true });
    await store.close();
    const expected = listedKeys(pagesAt(scale)).filter((key) => !store.leavesOut?.includes(key));
    return { list: { ...list, fault: faultOf(keys, expected) } };
  },
};

/**
 * Keys that are not what they were name other objects.
 *
 * @param {readonly string[]} keys
 * @param {readonly string[]} expected
 */
function faultOf(keys, expected) {
  const known = new Set(expected);
  const changed = keys.filter((key) => !known.has(key));
  if (changed.length > 0) return `keys changed to ${changed.map((key) => JSON.stringify(key)).join(" ")}`;
  return keys.length === expected.length ? undefined : `${keys.length} keys`;
}
