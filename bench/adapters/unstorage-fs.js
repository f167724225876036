import { createStorage } from "unstorage";
import fsDriver from "unstorage/drivers/fs";
import { sortedSlice } from "./sorted-slice.js";

/**
 * Writes in place, keeps no type, has no streams; metadata is a second object (`<key>$`) that `stat` looks for.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "unstorage-fs",
  layout: "plain",
  open: async ({ dir }) => {
    const storage = createStorage({ driver: fsDriver({ base: dir }) });
    const allKeys = async () => (await storage.getKeys()).map((key) => key.replaceAll(":", "/"));
    return {
      put: (key, bytes) => storage.setItemRaw(key, bytes),
      get: (key) => storage.getItemRaw(key),
      stat: async (key) => ({ size: Number((await storage.getMeta(key)).size) }),
      countAll: async () => (await allKeys()).length,
      firstPage: async () => (await allKeys()).slice(0, 100),
      middlePage: async (cursor) => sortedSlice(await allKeys(), cursor),
      close: () => storage.dispose(),
    };
  },
};
