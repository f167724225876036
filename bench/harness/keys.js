/**
 * The names of the objects of a run: the same for every adapter.
 *
 * @param {number} index
 * @returns {string} one of a hundred folders, so that folders have to be made but not for every object.
 */
export function keyOf(index) {
  return `f${String(index % 100).padStart(2, "0")}/k${String(index).padStart(6, "0")}.bin`;
}

/**
 * @param {number} index
 * @returns {string} the same names without folders.
 */
export function flatKeyOf(index) {
  return `k${String(index).padStart(6, "0")}.bin`;
}
