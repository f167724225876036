// @ts-check
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {AsyncIterable<Buffer>} Body */

/** So long has what goes before a cut to arrive: a reset throws away what was not read yet. */
const beforeCutMs = 5;

/** The connection is to be reset here. */
export class Cut extends Error {}

/**
 * Lets through what comes before a place, then throws.
 *
 * @param {Body} body
 * @param {number} bytes
 */
export async function* cutAfter(body, bytes) {
  let left = bytes;
  if (left > 0) {
    for await (const piece of body) {
      yield piece.subarray(0, left);
      left -= piece.length;
      if (left <= 0) break;
    }
  }
  await sleep(beforeCutMs);
  throw new Cut();
}

/**
 * @param {Body} body
 * @param {number} place - of the byte whose lowest bit is turned.
 */
export async function* corruptAt(body, place) {
  let start = 0;
  for await (const piece of body) {
    const at = place - start;
    const byte = piece[at];
    if (byte !== undefined) piece[at] = byte ^ 1;
    start += piece.length;
    yield piece;
  }
}

/**
 * Lets no piece through before its time, however large the pieces are in which a busy machine reads.
 *
 * @param {Body} body
 * @param {number} bytesPerSecond
 */
export async function* throttled(body, bytesPerSecond) {
  for await (const piece of body) {
    await sleep((piece.length / bytesPerSecond) * 1000);
    yield piece;
  }
}

/**
 * @param {import("./fault-plan.js").FaultPosition} place
 * @param {string | undefined} contentLength
 */
export function placeIn(place, contentLength) {
  return "afterBytes" in place ? place.afterBytes : Math.floor(place.share * Number(contentLength ?? 0));
}
