import { measure } from "../harness/measure.js";

export const chunkBytes = 64 * 1024;
export const streamBytes = 512 * 2 ** 20;
const key = "large.bin";

/** @type {import("../harness/contracts.js").Case} */
export const l3PutStream = {
  id: "L3",
  title: "put one stream of 512 MiB in pieces of 64 KiB",
  adapters: ["raw-fs", "svc-infra-local", "flydrive-fs", "flystorage-local"],
  unit: "MB/s",
  run: async ({ dir, scale, open }) => {
    const warm = await open(`${dir}-warm`);
    await warm.putStream(key, pieces(16 * 2 ** 20));
    await warm.close();
    const store = await open();
    const bytes = Math.ceil((streamBytes * scale) / chunkBytes) * chunkBytes;
    const result = await measure(1, () => store.putStream(key, pieces(bytes)), { bytes });
    const size = await sizeOf(store);
    await store.close();
    return { put: size === bytes ? result : { ...result, fault: `${size} bytes were stored` } };
  },
};

/**
 * The same piece again and again: a source that costs nothing, so that the store is what is measured.
 *
 * @param {number} total
 */
export async function* pieces(total) {
  const piece = Buffer.alloc(chunkBytes, "svc-infra bench ");
  for (let sent = 0; sent < total; sent += chunkBytes) yield piece;
}

/** @param {import("../harness/contracts.js").Store} store */
async function sizeOf(store) {
  let size = 0;
  for await (const piece of await store.getStream(key)) size += piece.byteLength;
  return size;
}
