import type { Storage } from "../storage.js";

/** One way to name an object. */
export interface KeyedOperation {
  readonly name: string;
  /** Whether it takes a start of keys, which may be empty and may end in `/`. */
  readonly takesPrefix: boolean;
  run(storage: Storage, key: string): Promise<unknown>;
}

function keyed(name: string, run: KeyedOperation["run"], takesPrefix = false): KeyedOperation {
  return { name, takesPrefix, run: async (storage, key) => run(storage, key) };
}

/** Every operation that takes a key, for rules that hold of all of them. */
export const keyedOperations: readonly KeyedOperation[] = [
  keyed("put", (storage, key) => storage.put(key, "content")),
  keyed("get", (storage, key) => storage.get(key)),
  keyed("open", (storage, key) => storage.open(key)),
  keyed("exists", (storage, key) => storage.exists(key)),
  keyed("getMetadata", (storage, key) => storage.getMetadata(key)),
  keyed("delete", (storage, key) => storage.delete(key)),
  keyed("deleteMany", (storage, key) => storage.deleteMany(["fine", key])),
  keyed("copy from", (storage, key) => storage.copy(key, "fine")),
  keyed("copy to", (storage, key) => storage.copy("fine", key)),
  keyed("move from", (storage, key) => storage.move(key, "fine")),
  keyed("move to", (storage, key) => storage.move("fine", key)),
  keyed("deletePrefix", (storage, key) => storage.deletePrefix(key), true),
  keyed("listKeys", (storage, prefix) => storage.listKeys({ prefix }), true),
  keyed("list", (storage, prefix) => storage.list({ prefix }), true),
];

/** Those that need a capability of the same object. */
export const capableOperations: readonly (KeyedOperation & {
  readonly needs: "signGet" | "signPut" | "multipart";
})[] = [
  { ...keyed("getUrl", (storage, key) => storage.getUrl(key)), needs: "signGet" },
  {
    ...keyed("getUploadUrl", (storage, key) => storage.getUploadUrl(key, { contentType: "text/plain" })),
    needs: "signPut",
  },
  { ...keyed("createUpload", (storage, key) => storage.createUpload(key)), needs: "multipart" },
  { ...keyed("resumeUpload", async (storage, key) => storage.resumeUpload(key, "id")), needs: "multipart" },
];

/** The operations that this storage can do at all. */
export function operationsOf(storage: Storage): readonly KeyedOperation[] {
  return [...keyedOperations, ...capableOperations.filter(({ needs }) => storage.capabilities[needs])];
}
