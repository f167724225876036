/**
 * The least that a memory store must do: keep a copy, give a copy.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-map",
  layout: "memory",
  open: async () => {
    /** @type {Map<string, Uint8Array>} */
    const objects = new Map();
    return {
      put: async (key, bytes) => objects.set(key, Uint8Array.from(bytes)),
      get: async (key) => Uint8Array.from(objects.get(key) ?? []),
      close: async () => undefined,
    };
  },
};
