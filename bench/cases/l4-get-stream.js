import { measure } from "../harness/measure.js";
import { chunkBytes, pieces, streamBytes } from "./l3-put-stream.js";

const key = "large.bin";

/** @type {import("../harness/contracts.js").Case} */
export const l4GetStream = {
  id: "L4",
  title: "get one stream of 512 MiB",
  adapters: ["raw-fs", "svc-infra-local", "flydrive-fs", "flystorage-local"],
  unit: "MB/s",
  prepare: async ({ dir, scale, open }) => {
    for (const [place, bytes] of /** @type {const} */ ([
      [`${dir}-warm`, 16 * 2 ** 20],
      [dir, streamBytes * scale],
    ])) {
      const store = await open(place);
      await store.putStream(key, pieces(bytes));
      await store.close();
    }
  },
  run: async ({ dir, scale, open }) => {
    const warm = await open(`${dir}-warm`);
    await readAll(warm);
    await warm.close();
    const store = await open();
    const bytes = Math.ceil((streamBytes * scale) / chunkBytes) * chunkBytes;
    let size = 0;
    const result = await measure(
      1,
      async () => {
        size = await readAll(store);
      },
      { bytes },
    );
    await store.close();
    return { get: size === bytes ? result : { ...result, fault: `${size} bytes came` } };
  },
};

/** @param {import("../harness/contracts.js").Store} store */
async function readAll(store) {
  let size = 0;
  for await (const piece of await store.getStream(key)) size += piece.byteLength;
  return size;
}
