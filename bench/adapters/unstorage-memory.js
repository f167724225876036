import { createStorage } from "unstorage";
import memoryDriver from "unstorage/drivers/memory";

/** Keeps and gives the caller's own buffer: no copies. @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "unstorage-memory",
  layout: "memory",
  open: async () => {
    const storage = createStorage({ driver: memoryDriver() });
    return {
      put: (key, bytes) => storage.setItemRaw(key, bytes),
      get: (key) => storage.getItemRaw(key),
      close: () => storage.dispose(),
    };
  },
};
