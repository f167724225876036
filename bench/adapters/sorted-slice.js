/**
 * The page that a caller has to cut out when a library has neither order nor cursor.
 *
 * @param {string[]} keys
 * @param {string} after
 */
export function sortedSlice(keys, after) {
  const sorted = keys.sort();
  const from = sorted.findIndex((key) => key > after);
  return from < 0 ? [] : sorted.slice(from, from + 100);
}
