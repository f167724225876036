export const partBytes = 8 * 2 ** 20;
const partsInFlight = 4;

/**
 * Cuts a stream into parts and sends four at a time while the next one is read, for clients that leave that to their caller.
 *
 * @template T
 * @param {AsyncIterable<Uint8Array>} source
 * @param {(number: number, pieces: Uint8Array[], size: number) => Promise<T>} send
 * @returns {Promise<T[]>} in the order of the parts.
 */
export async function inParts(source, send) {
  /** @type {Promise<T>[]} */
  const sent = [];
  /** @type {Set<Promise<unknown>>} */
  const running = new Set();
  for await (const { pieces, size } of parts(source)) {
    const sending = send(sent.length + 1, pieces, size);
    sent.push(sending);
    running.add(sending);
    sending.then(() => running.delete(sending));
    if (running.size === partsInFlight) await Promise.race(running);
  }
  return Promise.all(sent);
}

/** @param {AsyncIterable<Uint8Array>} source */
async function* parts(source) {
  /** @type {Uint8Array[]} */
  let pieces = [];
  let size = 0;
  for await (const piece of source) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size < partBytes) continue;
    yield { pieces, size };
    [pieces, size] = [[], 0];
  }
  if (size > 0) yield { pieces, size };
}
