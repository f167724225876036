import { loadBuilt } from "../harness/build.js";

/** @type {typeof import("../../dist/storage/backends/memory/index.js")} */
const { MemoryBackend } = await loadBuilt("storage/backends/memory/index.js");
/** @type {typeof import("../../dist/storage/easy-storage.js")} */
const { easyStorage } = await loadBuilt("storage/easy-storage.js");
/** @type {typeof import("../../dist/storage/index.js")} */
const { Storage } = await loadBuilt("storage/index.js");

const maxBytes = 2 ** 30;

/**
 * As users run it, with the default layers of `addStorage`.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "svc-infra-memory",
  layout: "memory",
  open: async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_MEMORY_MAX_BYTES: String(maxBytes) };
    return storeOf(await easyStorage({}, env));
  },
};

/**
 * The same without layers, to see what they cost.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const bareAdapter = {
  name: "svc-infra-memory-bare",
  layout: "memory",
  open: async () => storeOf(new Storage(new MemoryBackend({ maxBytes }))),
};

/**
 * @param {import("../../dist/storage/index.js").Storage<any>} storage
 * @returns {Partial<import("../harness/contracts.js").Store>}
 */
function storeOf(storage) {
  return {
    put: (key, bytes) => storage.put(key, bytes, { contentType: "application/octet-stream" }),
    get: (key) => storage.get(key),
    close: () => storage.close(),
  };
}
