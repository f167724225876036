import { loadBuilt } from "../harness/build.js";

/** @type {typeof import("../../dist/storage/backends/local/index.js")} */
const { LocalBackend } = await loadBuilt("storage/backends/local/index.js");
/** @type {typeof import("../../dist/storage/easy-storage.js")} */
const { easyStorage } = await loadBuilt("storage/easy-storage.js");
/** @type {typeof import("../../dist/storage/index.js")} */
const { Storage } = await loadBuilt("storage/index.js");

const description = { contentType: "application/octet-stream", metadata: { owner: "u1" } };

/** @typedef {Partial<import("../harness/contracts.js").Store>} Store */

/**
 * Ours as users run it: the storage of `addStorage` with its default layers. Keys and metadata are checked, the checksum is
 * made and verified. In a service that has started, but nothing of the data has been seen.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "svc-infra-local",
  layout: "svc-infra",
  open: async (place) => storeOf(await easyStorage({}, envOf(place))),
};

/**
 * The same with a policy of size and types, which decides by the bytes of each upload.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const policyAdapter = {
  name: "svc-infra-local-policy",
  layout: "svc-infra",
  open: async (place) => {
    const storage = await easyStorage({}, envOf(place));
    return storeOf(storage.withPolicy({ maxBytes: "5MB", types: ["image/*", "text/plain"] }));
  },
};

/** @param {{ readonly dir: string, readonly isDurable?: boolean }} place */
function envOf({ dir, isDurable }) {
  return {
    STORAGE_BACKEND: "local",
    STORAGE_BASE_PATH: dir,
    STORAGE_DURABILITY: isDurable ? "full" : "fast",
    STORAGE_MAX_UPLOAD_BYTES: String(2 ** 40),
  };
}

/**
 * The same without layers, to see what they cost.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const bareAdapter = {
  name: "svc-infra-local-bare",
  layout: "svc-infra",
  open: async ({ dir, isDurable }) =>
    storeOf(new Storage(new LocalBackend({ basePath: dir, durability: isDurable ? "full" : "fast" }))),
};

/**
 * @param {import("../../dist/storage/index.js").Storage<any>} storage
 * @returns {Promise<Store>}
 */
async function storeOf(storage) {
  await storage.exists("absent");
  await storage.list({ prefix: "absent/" });
  return {
    put: (key, bytes) => storage.put(key, bytes, description),
    get: (key) => storage.get(key),
    putStream: (key, source) => storage.put(key, source, description),
    getStream: async (key) => (await storage.open(key)).body,
    stat: (key) => storage.getMetadata(key),
    countAll: () => countAll(storage),
    countByPages: () => countByPages(storage),
    firstPage: async () => keysOf(await storage.list()),
    middlePage: async (cursor) => keysOf(await storage.list({ cursor })),
    pageOf1000: async (cursor) => {
      const page = await storage.list({ limit: 1000, cursor });
      return { items: page.items, next: page.cursor };
    },
    middleCursor: () => middleCursor(storage),
    close: () => storage.close(),
  };
}

/** @param {import("../../dist/storage/index.js").Storage<any>} storage */
async function countAll(storage) {
  let count = 0;
  for await (const _ of storage.listAllKeys()) count += 1;
  return count;
}

/** @param {import("../../dist/storage/index.js").Storage<any>} storage */
async function countByPages(storage) {
  let page = await storage.list({ limit: 1000 });
  let count = page.items.length;
  while (page.cursor !== undefined) {
    page = await storage.list({ limit: 1000, cursor: page.cursor });
    count += page.items.length;
  }
  return count;
}

/** @param {import("../../dist/storage/index.js").FilePage} page */
function keysOf(page) {
  return page.items.map(({ key }) => key);
}

/** @param {import("../../dist/storage/index.js").Storage<any>} storage */
async function middleCursor(storage) {
  const cursors = [""];
  for (let cursor; ; ) {
    const page = await storage.list({ limit: 100, cursor });
    if (page.cursor === undefined) return cursors[Math.floor(cursors.length / 2)] ?? "";
    cursors.push(page.cursor);
    cursor = page.cursor;
  }
}
