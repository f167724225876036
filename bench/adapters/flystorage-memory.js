import { FileStorage } from "@flystorage/file-storage";
import { InMemoryStorageAdapter } from "@flystorage/in-memory";

/** @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "flystorage-memory",
  layout: "memory",
  open: async () => {
    const storage = new FileStorage(new InMemoryStorageAdapter());
    return {
      put: (key, bytes) => storage.write(key, bytes),
      get: (key) => storage.readToUint8Array(key),
      close: async () => undefined,
    };
  },
};
