import type {
  Body,
  CallOptions,
  CopyOptions,
  Failure,
  LazyUrl,
  ListOptions,
  ListPage,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteOptions,
} from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import { StorageConfigurationError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import { type AccountOptions, parseAccount } from "./account.js";
import { statOf } from "./asset.js";
import { classifyCloudinaryError } from "./classify.js";
import { CloudinaryClient } from "./client.js";
import { refusal } from "./cloudinary-error.js";
import { copyAsset } from "./copy.js";
import { Cursors } from "./cursor.js";
import { Delivery, type DeliveryMode } from "./delivery.js";
import { findAsset } from "./find-asset.js";
import { listAssets } from "./list.js";
import { PublicIds } from "./public-id.js";
import { readAsset } from "./read.js";
import { removeAsset, removeAssets } from "./remove.js";
import { signUrl } from "./sign.js";
import { Upload } from "./write.js";

export interface CloudinaryBackendOptions extends AccountOptions {
  /** Folder of all objects; `files` by default. */
  readonly folder?: string | undefined;
  /** How transformed images and videos are delivered; `api` by default. See the page of this backend. */
  readonly delivery?: DeliveryMode | undefined;
  /** Key of token-based access in hex, for `cdn-token`. */
  readonly authTokenKey?: string | undefined;
  /** Where the CDN answers; `https://res.cloudinary.com/{cloud}` by default. */
  readonly cdnUrl?: string | undefined;
  /** Bytes of a chunk of a large upload, 5 MiB at least; 6 MiB by default. One chunk is held in memory. */
  readonly chunkBytes?: number | undefined;
  /** Connections of calls at most; 32 by default. Content that is read has one for each reader. */
  readonly maxConnections?: number | undefined;
}

/** What Cloudinary documents; what it does not is not imitated. */
export const cloudinaryCapabilities = {
  signGet: true,
  signPut: false,
  signSize: false,
  ifAbsent: false,
  ifMatch: false,
  multipart: false,
  conditionalComplete: false,
  exactDelete: false,
  conditionalRemove: false,
  transform: true,
  maxBytes: Number.MAX_SAFE_INTEGER,
  minPartBytes: 1,
} as const;

const minChunkBytes = 5 * 1024 * 1024;

/**
 * Keeps objects with Cloudinary: images and videos by the extension of their keys, everything else as raw files.
 * Everything is of the delivery type `authenticated`: nothing is read without a signature.
 */
export class CloudinaryBackend implements StorageBackend<typeof cloudinaryCapabilities> {
  readonly name = "CloudinaryBackend";
  readonly type = "cloudinary";
  readonly capabilities: typeof cloudinaryCapabilities = cloudinaryCapabilities;
  readonly #client: CloudinaryClient;
  readonly #ids: PublicIds;
  readonly #cursors: Cursors;
  readonly #delivery: Delivery;
  readonly #chunkBytes: number;

  /** @throws StorageConfigurationError naming what is missing or wrong. */
  constructor(options: CloudinaryBackendOptions = {}) {
    const { folder = "files", delivery: mode = "api", authTokenKey, cdnUrl } = options;
    const { chunkBytes = 6 * 1024 * 1024, maxConnections = 32 } = options;
    const { url, cloudName, apiKey, apiSecret, endpoint, signatureAlgorithm } = options;
    if (!Number.isInteger(chunkBytes) || chunkBytes < minChunkBytes) {
      throw new StorageConfigurationError({ message: `chunkBytes must be ${minChunkBytes} at least` });
    }
    const account = parseAccount({ url, cloudName, apiKey, apiSecret, endpoint, signatureAlgorithm });
    this.#client = new CloudinaryClient(account, maxConnections);
    this.#ids = new PublicIds(folder);
    this.#cursors = new Cursors(account.apiSecret);
    this.#delivery = new Delivery(account, { mode, authTokenKey, cdnUrl });
    this.#chunkBytes = chunkBytes;
  }

  classify(error: unknown): Failure {
    return classifyCloudinaryError(error);
  }

  async stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    options.signal?.throwIfAborted();
    return statOf(key, await findAsset(this.#client, this.#ids.addressOf(key), options));
  }

  async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    options.signal?.throwIfAborted();
    return readAsset(key, { ...options, ...this.#place });
  }

  async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const place = { ...this.#place, chunkBytes: this.#chunkBytes, signal, onProgress };
    return new Upload(key, body, descriptionOf(options), place).run();
  }

  async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    const { sourceIfMatch, signal, onProgress } = options;
    signal?.throwIfAborted();
    const place = { ...this.#place, chunkBytes: this.#chunkBytes };
    return copyAsset(from, to, { ...place, sourceIfMatch, signal, onProgress });
  }

  async remove(key: Key, options: CallOptions): Promise<boolean> {
    options.signal?.throwIfAborted();
    return removeAsset(this.#client, this.#ids.addressOf(key), options);
  }

  async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    options.signal?.throwIfAborted();
    return removeAssets(this.#client, this.#ids, keys, options);
  }

  async list(options: ListOptions): Promise<ListPage> {
    options.signal?.throwIfAborted();
    return listAssets({ ...this.#place, cursors: this.#cursors }, options);
  }

  async sign(key: Key, options: SignOptions): Promise<LazyUrl> {
    const url = await signUrl(this.#client, this.#delivery, key, this.#ids.addressOf(key), options);
    return () => url;
  }

  async signer(): Promise<undefined> {
    return undefined;
  }

  createUpload(): Promise<string> {
    return Promise.reject(noMultipart());
  }

  writePart(): Promise<UploadedPart> {
    return Promise.reject(noMultipart());
  }

  listParts(): Promise<readonly UploadedPart[]> {
    return Promise.reject(noMultipart());
  }

  completeUpload(): Promise<ObjectStat> {
    return Promise.reject(noMultipart());
  }

  abortUpload(): Promise<void> {
    return Promise.reject(noMultipart());
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  get #place() {
    return { client: this.#client, ids: this.#ids };
  }
}

function noMultipart(): Error {
  return refusal("unsupported", "Cloudinary has no uploads in parts that others go on with");
}
