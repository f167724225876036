import { measure } from "../harness/measure.js";
import { clients } from "./s1-objects.js";

const pieceBytes = 64 * 1024;
const streamBytes = 256 * 2 ** 20;

/** @type {import("../harness/contracts.js").Case} */
export const s2Upload = {
  id: "S2",
  title: "S3: upload one stream of 256 MiB in parts of 8 MiB",
  adapters: clients,
  unit: "MB/s",
  isOnS3: true,
  run: async ({ scale, open }) => {
    const store = await open();
    await store.putStream("warm.bin", freshPieces(32 * 2 ** 20));
    const bytes = Math.ceil((streamBytes * scale) / pieceBytes) * pieceBytes;
    const upload = () => store.putStream("large.bin", freshPieces(bytes));
    const first = await measure(1, upload, { bytes });
    const again = await measure(1, upload, { bytes, isWarm: true });
    const { size } = await store.stat("large.bin");
    await store.close();
    const fault = size === bytes ? undefined : `${size} bytes were stored`;
    return { put: { ...first, fault }, "put again": { ...again, fault } };
  },
};

/**
 * Each piece in memory of its own, as a socket gives them: what a client keeps of them is seen in its size.
 *
 * @param {number} total
 */
async function* freshPieces(total) {
  const pattern = Buffer.alloc(pieceBytes, "svc-infra bench ");
  for (let sent = 0; sent < total; sent += pieceBytes) yield Buffer.from(pattern);
}
