import type { Capabilities, Layer, LazyUrl, StorageBackend } from "../contract/backend.js";
import { UnsupportedOperationError } from "../contract/error.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";

/** A backend without URLs: for one whose own signed URLs nothing serves. */
export function unserved(): Layer {
  return (inner) => new UnservedBackend(inner);
}

class UnservedBackend<C extends Capabilities> extends LayerBackend<C> {
  override readonly capabilities: C;

  constructor(inner: StorageBackend<C>) {
    super(inner);
    this.capabilities = { ...inner.capabilities, signGet: false, signPut: false };
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override sign(): LazyUrl {
    throw new UnsupportedOperationError({ message: "nothing serves URLs of this storage" });
  }

  override async signer(): Promise<undefined> {
    return undefined;
  }
}
