import { stat } from "node:fs";
import { adapter as rawFs, settle } from "./raw-fs.js";
import { sortedPage } from "./raw-walk.js";

/**
 * The raw listing with what ours answers for each key: size and date, which take a stat each.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-fs-stat",
  layout: "plain",
  open: async (place) => ({
    ...(await rawFs.open(place)),
    countAll: async () => (await page(place.dir, "", Number.POSITIVE_INFINITY)).length,
    firstPage: () => page(place.dir, "", 100),
    middlePage: (cursor) => page(place.dir, cursor, 100),
  }),
};

/**
 * @param {string} dir
 * @param {string} after
 * @param {number} limit
 */
async function page(dir, after, limit) {
  const keys = await sortedPage(dir, after, limit);
  for (let from = 0; from < keys.length; from += 1000) {
    await Promise.all(keys.slice(from, from + 1000).map((key) => statOf(`${dir}/${key}`)));
  }
  return keys;
}

/** @param {string} path */
function statOf(path) {
  return new Promise((resolve, reject) => stat(path, settle(resolve, reject)));
}
