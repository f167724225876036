import { Readable } from "node:stream";
import { FileStorage } from "@flystorage/file-storage";
import { LocalStorageAdapter } from "@flystorage/local-fs";
import { sortedSlice } from "./sorted-slice.js";

/**
 * Writes in place; type guessed on reading, no metadata.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "flystorage-local",
  layout: "plain",
  open: async ({ dir }) => {
    const storage = new FileStorage(new LocalStorageAdapter(dir));
    return {
      put: (key, bytes) => storage.write(key, bytes),
      get: (key) => storage.readToUint8Array(key),
      putStream: (key, source) => storage.write(key, Readable.from(source, { objectMode: false })),
      getStream: (key) => storage.read(key),
      stat: async (key) => ({ size: (await storage.statFile(key)).size }),
      countAll: async () => (await keysOf(storage)).length,
      firstPage: () => keysOf(storage, 100),
      middlePage: async (cursor) => sortedSlice(await keysOf(storage), cursor),
      close: async () => undefined,
    };
  },
};

/**
 * @param {FileStorage} storage
 * @param {number} limit
 */
async function keysOf(storage, limit = Number.POSITIVE_INFINITY) {
  /** @type {string[]} */
  const keys = [];
  for await (const entry of storage.list("", { deep: true })) {
    if (entry.isFile) keys.push(entry.path);
    if (keys.length >= limit) break;
  }
  return keys;
}
