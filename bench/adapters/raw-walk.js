import { readdir } from "node:fs";

/**
 * The entries of a folder in the order of the keys' bytes: a folder sorts by its name with a slash.
 *
 * @param {string} path
 * @returns {Promise<string[]>}
 */
function sortedEntries(path) {
  return new Promise((resolve, reject) => {
    readdir(path, { withFileTypes: true }, (error, entries) => {
      if (error) return reject(error);
      resolve(entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort());
    });
  });
}

/**
 * Keys in order, folder by folder, from behind `after` on; folders that end before it are not read.
 *
 * @param {string} dir
 * @param {string} start Path of the folder inside `dir`, with its slash.
 * @param {string} after
 * @param {number} limit
 * @param {string[]} keys
 */
async function walk(dir, start, after, limit, keys) {
  for (const name of await sortedEntries(`${dir}/${start}`)) {
    if (keys.length >= limit) return;
    const key = start + name;
    if (!name.endsWith("/")) {
      if (key > after) keys.push(key);
    } else if (key > after || after.startsWith(key)) await walk(dir, key, after, limit, keys);
  }
}

/**
 * @param {string} dir
 * @param {string} after
 * @param {number} limit
 */
export async function sortedPage(dir, after, limit) {
  /** @type {string[]} */
  const keys = [];
  await walk(dir, "", after, limit, keys);
  return keys;
}

/** @param {string} dir */
export async function countSorted(dir) {
  return (await sortedPage(dir, "", Number.POSITIVE_INFINITY)).length;
}
