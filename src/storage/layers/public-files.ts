import type { Capabilities, Layer, LazyUrl, SignOptions, StorageBackend } from "../contract/backend.js";
import type { Key } from "../contract/key.js";
import { PublicFiles, type PublicFilesOptions } from "../contract/public-files.js";
import { type BackendCall, LayerBackend, type Next } from "./layer-backend.js";

/**
 * Permanent URLs for `getUrl(key, { public: true })`: of the files under the public prefixes and of no others. The layer
 * makes nothing public: the CDN, the bucket or the file route must serve those keys without a signature.
 *
 * @throws StorageConfigurationError for a URL or prefix that is none.
 *
 * @example
 * const files = storage.with(publicFiles({ url: "https://cdn.example.com" }));
 * await files.getUrl("public/logo.png", { public: true }); // https://cdn.example.com/public/logo.png
 */
export function publicFiles(options: PublicFilesOptions | PublicFiles): Layer {
  const files = options instanceof PublicFiles ? options : new PublicFiles(options);
  return (inner) => new PublicFilesBackend(inner, files);
}

class PublicFilesBackend<C extends Capabilities> extends LayerBackend<C> {
  override readonly capabilities: C;
  readonly #files: PublicFiles;

  constructor(inner: StorageBackend<C>, files: PublicFiles) {
    super(inner);
    this.capabilities = Object.freeze({ ...inner.capabilities, publicUrls: true });
    this.#files = files;
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    if (options.isPublic !== true) return this.inner.sign(key, options);
    const url = this.#files.urlOf(key);
    return () => url;
  }
}
