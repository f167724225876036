import { keyOf } from "./keys.js";

/** Keys on each page of a listing. */
export const pageKeys = 1000;

/** What a reader of XML takes for numbers, truth values and entities, when it does more than it should. */
const awkwardKeys = ["007", "0x10", "1e5", "a&b", "true"];

/**
 * @param {number} scale
 * @returns {number} pages of a listing, 100 at full scale.
 */
export function pagesAt(scale) {
  return Math.ceil(100 * scale);
}

/**
 * @param {number} pages
 * @returns {string[]} the keys of so many pages, in order, the awkward ones among them.
 */
export function listedKeys(pages) {
  const plain = pages * pageKeys - awkwardKeys.length;
  return [...awkwardKeys, ...Array.from({ length: plain }, (_, index) => keyOf(index))].sort();
}
