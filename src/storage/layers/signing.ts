import type {
  Capabilities,
  DirectOptions,
  DirectRequest,
  Layer,
  LazyUrl,
  SignOptions,
  StorageBackend,
} from "../contract/backend.js";
import type { Key } from "../contract/key.js";
import type { UrlSigner } from "../contract/signed-url.js";
import { checkMethods } from "../contract/storage-options.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";

/**
 * URLs of the kit's own file route instead of the provider's: for files that must pass through this service. It signs
 * uploads and their size also where the provider does not; what only the provider can make of a file, it sends itself.
 */
export function signing(signer: UrlSigner): Layer {
  checkMethods(
    signer,
    ["sign", "inspect"],
    "signing takes a signer, as in signing(new UrlSigner({ baseUrl, secrets }))",
  );
  return (inner) => new SigningBackend(inner, signer);
}

class SigningBackend<C extends Capabilities> extends LayerBackend<C> {
  override readonly capabilities: C;
  readonly #signer: UrlSigner;

  constructor(inner: StorageBackend<C>, signer: UrlSigner) {
    super(inner);
    this.capabilities = Object.freeze({
      ...inner.capabilities,
      signGet: true,
      signPut: true,
      signSize: true,
      direct: "whole",
    });
    this.#signer = signer;
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    if (options.transform !== undefined || options.isPublic) return super.sign(key, options);
    return () => this.#signer.sign(key, options);
  }

  override async signUpload(key: Key, options: DirectOptions): Promise<DirectRequest> {
    return this.#signer.request(key, options);
  }

  override async signer(): Promise<UrlSigner> {
    return this.#signer;
  }
}
