import { runLoad } from "../harness/http-load.js";
import { measureServer } from "../harness/server-measure.js";
import { youngCalls } from "../harness/workers.js";

const servers = [
  "raw-body",
  "svc-infra-http",
  "svc-infra-http-policy",
  "busboy",
  "fastify-multipart",
  "formidable",
];
const boundary = "svc-infra-bench-boundary";

/** @typedef {Required<import("../servers/answer.js").Served>} Served */

/** @type {import("../harness/contracts.js").Case} */
export const u1Form = {
  id: "U1",
  title: "upload of 64 KiB by form over HTTP, 8 connections",
  adapters: servers,
  unit: "ops/s",
  run: async ({ scale, open }) => {
    const { served, close } = await open();
    const { port, pids, upload, isForm } = /** @type {Served} */ (served);
    const bytes = Buffer.alloc(65_536, "svc-infra bench ");
    const request = (/** @type {number} */ index) =>
      uploadRequest(upload, isForm, `u/${index % 256}.bin`, [bytes]);
    const load = { port, connections: 8, request, status: 200 };
    const run = (/** @type {number} */ count) =>
      measureServer(pids, count, () => runLoad({ ...load, count }));
    const young = await run(Math.ceil(youngCalls * scale));
    await runLoad({ ...load, count: Math.ceil(10_000 * scale) });
    const steady = await run(Math.ceil(8_000 * scale));
    await close();
    return { upload: young, "upload steady": steady };
  },
};

/** @type {import("../harness/contracts.js").Case} */
export const u2LargeForm = {
  id: "U2",
  title: "upload of 1 GiB by form over HTTP",
  adapters: servers,
  unit: "MB/s",
  run: async ({ scale, open }) => {
    const { served, close } = await open();
    const { port, pids, upload, isForm } = /** @type {Served} */ (served);
    const piece = Buffer.alloc(2 ** 20, "svc-infra bench ");
    const pieces = Array.from({ length: Math.ceil(1024 * scale) }, () => piece);
    const request = () => uploadRequest(upload, isForm, "large.bin", pieces);
    const load = { port, connections: 1, request, status: 200, count: 1 };
    const result = await measureServer(pids, 1, () => runLoad(load), { bytes: pieces.length * piece.length });
    await close();
    return { upload: result };
  },
};

/**
 * @param {string} target
 * @param {boolean} isForm
 * @param {string} key
 * @param {readonly Uint8Array[]} pieces
 */
function uploadRequest(target, isForm, key, pieces) {
  const opening = isForm
    ? `--${boundary}\r\ncontent-disposition: form-data; name="key"\r\n\r\n${key}\r\n--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\ncontent-type: application/octet-stream\r\n\r\n`
    : "";
  const ending = isForm ? `\r\n--${boundary}--\r\n` : "";
  const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, opening.length + ending.length);
  const type = isForm ? `multipart/form-data; boundary=${boundary}` : "application/octet-stream";
  const head = `POST ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`;
  return [Buffer.from(head + opening), ...pieces, ...(isForm ? [Buffer.from(ending)] : [])];
}
