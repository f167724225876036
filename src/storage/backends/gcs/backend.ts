import type {
  Body,
  CallOptions,
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
import { isProtected } from "../../contract/protected-address.js";
import { classifyGcsError } from "./classify.js";
import { Service } from "./client.js";
import { Composer } from "./compose.js";
import { rewrite } from "./copy.js";
import type { CredentialsFile } from "./credentials.js";
import { GcsError } from "./gcs-error.js";
import { Identity } from "./identity.js";
import { Lister } from "./list.js";
import { statOf } from "./object-resource.js";
import { conditionQuery, Paths } from "./paths.js";
import { Reader } from "./read.js";
import { BatchRemover } from "./remove.js";
import { GcsUrlSigner } from "./sign.js";
import { StagedUploads } from "./uploads.js";
import { Uploader } from "./write.js";

export interface GcsBackendOptions {
  readonly bucket: string;
  /** Only where the credentials do not tell. */
  readonly project?: string | undefined;
  /** File with the credentials: the key of a service account, or what `gcloud` writes. */
  readonly credentialsPath?: string | undefined;
  /** The same as JSON or as an object. Without both Google's default chain is asked. */
  readonly credentials?: string | CredentialsFile | undefined;
  /** Another server, as an emulator or a private endpoint; `https://storage.googleapis.com` by default. */
  readonly endpoint?: string | undefined;
  /** Who signs URLs when there is no key; `https://iamcredentials.googleapis.com` by default. */
  readonly iamEndpoint?: string | undefined;
  /** Send tokens over plain http to another machine than this one, where whoever listens can take them; false by default. */
  readonly allowPlainHttp?: boolean | undefined;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: (() => number) | undefined;
}

/** Everything; the largest object has 5 TiB, and parts may be as small as one likes. */
export const gcsCapabilities = {
  signGet: true,
  signPut: true,
  signSize: false,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  // Deletions of one object are in an order, and all but the first are answered 404.
  exactDelete: true,
  conditionalRemove: true,
  transform: false,
  maxBytes: 5 * 1024 ** 4,
  minPartBytes: 1,
} as const;

/** Tokens are bearer secrets: whoever reads one on its way can use it. */
function checkProtected(endpoint: string, name: string, allowPlainHttp = false): void {
  if (allowPlainHttp || !URL.canParse(endpoint) || isProtected(new URL(endpoint))) return;
  const message = `${name} must be an https URL or an address of this machine, since tokens are sent; allowPlainHttp lifts this`;
  throw new StorageConfigurationError({ message });
}

/** Keeps objects in a bucket of Google Cloud Storage. Nothing is reached, and no SDK loaded, before the first call. */
export class GcsBackend implements StorageBackend<typeof gcsCapabilities> {
  readonly name = "GcsBackend";
  readonly type = "gcs";
  readonly capabilities: typeof gcsCapabilities = gcsCapabilities;
  readonly #paths: Paths;
  readonly #service: Service;
  readonly #reader: Reader;
  readonly #uploader: Uploader;
  readonly #lister: Lister;
  readonly #remover: BatchRemover;
  readonly #signer: GcsUrlSigner;
  readonly #uploads: StagedUploads;

  constructor(options: GcsBackendOptions) {
    const { bucket, project, credentials, credentialsPath, now = Date.now } = options;
    const endpoint = (options.endpoint ?? "https://storage.googleapis.com").replace(/\/+$/, "");
    const iamEndpoint = options.iamEndpoint ?? "https://iamcredentials.googleapis.com";
    const mayBeAnonymous = endpoint.startsWith("http:");
    checkProtected(endpoint, "STORAGE_GCS_ENDPOINT", options.allowPlainHttp);
    checkProtected(iamEndpoint, "iamEndpoint", options.allowPlainHttp);
    const identity = new Identity({ project, credentials, credentialsPath, mayBeAnonymous });
    this.#paths = new Paths(bucket);
    this.#service = new Service(endpoint, identity);
    this.#reader = new Reader(this.#service, this.#paths);
    this.#uploader = new Uploader(this.#service, this.#paths);
    this.#lister = new Lister(this.#service, this.#paths);
    this.#remover = new BatchRemover(this.#service, this.#paths);
    this.#signer = new GcsUrlSigner(this.#service, identity, { bucket, iamEndpoint, now });
    this.#uploads = new StagedUploads({
      uploader: this.#uploader,
      lister: this.#lister,
      remover: this.#remover,
      composer: new Composer(this.#service, this.#paths),
      readText: (name, signal) => this.#reader.text(name, signal),
    });
  }

  classify(error: unknown): Failure {
    return classifyGcsError(error);
  }

  async stat(key: Key, { signal }: CallOptions): Promise<ObjectStat> {
    return statOf(key, await this.#reader.stat(key, signal));
  }

  read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return this.#reader.read(key, options);
  }

  async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return statOf(key, await this.#uploader.upload(key, body, options));
  }

  async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return statOf(to, await rewrite(this.#service, this.#paths, { from, to }, options));
  }

  async remove(key: Key, { ifMatch, signal }: RemoveOptions): Promise<boolean> {
    const query = conditionQuery({ ifAbsent: false, ifMatch });
    try {
      await this.#service.ask({ method: "DELETE", path: this.#paths.object(key), query, signal });
      return true;
    } catch (error) {
      if (error instanceof GcsError && error.code === "not_found") return false;
      throw error;
    }
  }

  async removeMany(keys: readonly Key[], { signal }: CallOptions): Promise<readonly RemoveFailure[]> {
    const errors = new Map(
      (await this.#remover.remove(keys, signal)).map(({ name, error }) => [name, error]),
    );
    return keys.flatMap((key) => (errors.has(key) ? [{ key, error: errors.get(key) }] : []));
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#lister.list(options);
  }

  sign(key: Key, options: SignOptions): Promise<LazyUrl> {
    return this.#signer.sign(key, options);
  }

  async signer(): Promise<undefined> {
    return undefined;
  }

  createUpload(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    return this.#uploads.create(key, options);
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

  async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return statOf(key, await this.#uploads.complete(key, uploadId, parts, options));
  }

  abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void> {
    return this.#uploads.abort(key, uploadId, options);
  }

  async close(): Promise<void> {
    await this.#uploader.close();
    await this.#service.close();
  }
}
