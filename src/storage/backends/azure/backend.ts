import { randomBytes } from "node:crypto";
import type {
  Body,
  CallOptions,
  Capabilities,
  CopyOptions,
  Failure,
  LazyUrl,
  ListOptions,
  ListPage,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../../contract/backend.js";
import { StorageConfigurationError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import type { UrlSigner } from "../../contract/signed-url.js";
import { accountOf } from "./account.js";
import { BlockPool } from "./block-pool.js";
import { classifyAzureError } from "./classify.js";
import { AzureService } from "./client.js";
import { copyBlob, copyLimits } from "./copy.js";
import { CursorSeal } from "./cursor.js";
import { DelegationKeys } from "./delegation-keys.js";
import { listBlobs } from "./list.js";
import type { AzureBackendOptions } from "./options.js";
import { readBlob } from "./read.js";
import { removeBlob, removeBlobs } from "./remove.js";
import { signUrl } from "./sign.js";
import { statBlob } from "./stat.js";
import { Uploads } from "./uploads.js";
import { writeBlob } from "./write.js";

const defaultBlockBytes = 2_097_152;
const minBlockBytes = 65_536;
const maxBlockBytes = 104_857_600;
/** Blocks that a blob may have, less those that the ends of 10,000 parts may waste. */
const usableBlocks = 40_000;
/** A URL that the service itself reads the source of a copy with, in milliseconds. */
const sourceUrlMs = 3_600_000;

/**
 * `signPut` is `false`: a shared access signature does not bind the content type of an upload, so a URL could not say
 * what may be uploaded with it.
 */
const fixedCapabilities = {
  signGet: true,
  signPut: false,
  signSize: false,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  exactDelete: true,
  conditionalRemove: true,
  transform: false,
  minPartBytes: 1,
} as const;

/** `maxBytes` is what as many blocks can hold as an object may have. */
type AzureCapabilities = typeof fixedCapabilities & Pick<Capabilities, "maxBytes">;

/** Keeps objects in a container of Azure Blob Storage, by its official SDK. */
export class AzureBackend implements StorageBackend<AzureCapabilities> {
  readonly name = "AzureBackend";
  readonly type = "azure";
  readonly capabilities: AzureCapabilities;
  readonly #service: AzureService;
  readonly #delegationKeys: DelegationKeys;
  readonly #seal: CursorSeal;
  readonly #uploads: Uploads;
  readonly #pool: BlockPool;
  readonly #idleMs: number;

  /** @throws StorageConfigurationError naming the variable or option at fault. */
  constructor(options: AzureBackendOptions) {
    const {
      container,
      blockBytes = defaultBlockBytes,
      blocksAtOnce = 3,
      idleBodyMs = 10_000,
      secrets,
    } = options;
    checkContainer(container);
    checkNumber("blockBytes", blockBytes, minBlockBytes, maxBlockBytes);
    checkNumber("blocksAtOnce", blocksAtOnce, 1, 100);
    checkNumber("idleBodyMs", idleBodyMs, 1, 2 ** 31 - 1);
    this.capabilities = { ...fixedCapabilities, maxBytes: usableBlocks * blockBytes };
    const account = accountOf(options);
    const { access } = account;
    this.#pool = new BlockPool({ blockBytes, blocksAtOnce });
    this.#idleMs = idleBodyMs;
    this.#service = new AzureService(account, container);
    this.#delegationKeys = new DelegationKeys(this.#service);
    this.#seal = new CursorSeal(
      "key" in access ? access.key : (secrets?.[0] ?? randomBytes(32).toString("hex")),
    );
    this.#uploads = new Uploads(this.#service, this.#pool);
  }

  classify(error: unknown): Failure {
    return classifyAzureError(error);
  }

  stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    return statBlob(this.#service, key, options);
  }

  read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return readBlob(this.#service, key, { ...options, idleMs: this.#idleMs });
  }

  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return writeBlob(this.#service, key, body, { ...options, pool: this.#pool });
  }

  copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    const sourceUrl = async (key: Key) => {
      const expiresAt = new Date(Date.now() + sourceUrlMs);
      const asked = { expiresAt, download: false, filename: undefined };
      return (await signUrl(this.#service, this.#delegationKeys, key, asked))();
    };
    return copyBlob({ service: this.#service, sourceUrl, ...copyLimits }, from, to, options);
  }

  remove(key: Key, options: RemoveOptions): Promise<boolean> {
    return removeBlob(this.#service, key, options);
  }

  removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    return removeBlobs(this.#service, keys, options);
  }

  list(options: ListOptions): Promise<ListPage> {
    return listBlobs(this.#service, this.#seal, options);
  }

  sign(key: Key, options: SignOptions): Promise<LazyUrl> {
    return signUrl(this.#service, this.#delegationKeys, key, options);
  }

  async signer(): Promise<UrlSigner | undefined> {
    return undefined;
  }

  createUpload(key: Key, description: ObjectDescription & CallOptions): Promise<string> {
    return this.#uploads.create(key, description);
  }

  writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return this.#uploads.write(key, uploadId, number, body, options);
  }

  listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    return this.#uploads.list(key, uploadId, options);
  }

  completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#uploads.complete(key, uploadId, parts, options);
  }

  abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void> {
    return this.#uploads.abort(key, uploadId, options);
  }

  async close(): Promise<void> {
    this.#service.close();
  }
}

/** "Naming and referencing containers, blobs, and metadata"; `$root` and the like begin with a sign of their own. */
function checkContainer(name: string): void {
  if (/^(?:\$root|\$web|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9])$/.test(name)) return;
  throw new StorageConfigurationError({ message: "STORAGE_AZURE_CONTAINER is not the name of a container" });
}

function checkNumber(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new StorageConfigurationError({ message: `${name} must be a whole number from ${least} to ${most}` });
}
