import type { StorageBackend } from "svc-infra/storage";

/** A backend that notes the name of every method that is called with a key or a prefix. */
export function spy(inner: StorageBackend, calls: string[]): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (!["signer", "classify", "close"].includes(String(name))) calls.push(String(name));
        return Reflect.apply(value, target, given);
      };
    },
  });
}
