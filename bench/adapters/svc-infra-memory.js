import { MemoryBackend } from "../../dist/storage/backends/memory/index.js";
import { Storage } from "../../dist/storage/index.js";

/** @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "svc-infra-memory",
  layout: "memory",
  open: async () => {
    const storage = new Storage(new MemoryBackend({ maxBytes: 2 ** 30 }));
    return {
      put: (key, bytes) => storage.put(key, bytes, { contentType: "application/octet-stream" }),
      get: (key) => storage.get(key),
      close: () => storage.close(),
    };
  },
};
