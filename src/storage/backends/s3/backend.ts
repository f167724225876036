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
import type { Key } from "../../contract/key.js";
import type { BucketAccess } from "./access.js";
import { classifyS3Error } from "./classify.js";
import { copyObject } from "./copy.js";
import { maxObjectBytes, minPartBytes } from "./limits.js";
import { listObjects } from "./list.js";
import { openAccess, type S3BackendOptions } from "./options.js";
import { readObject } from "./read.js";
import { removeObject, removeObjects } from "./remove.js";
import { signUrl } from "./sign.js";
import { statObject } from "./stat.js";
import {
  abortOpenUpload,
  completeOpenUpload,
  listUploadParts,
  openUpload,
  writeUploadPart,
} from "./uploads.js";
import { writeObject } from "./write.js";

/** What differs between the services is known when one is chosen; that none of them transforms is known before. */
type S3Capabilities = Capabilities & { readonly transform: false };

/** One bucket of Amazon S3 or of a service that speaks its protocol, over a wire client of the kit's own. */
export class S3Backend implements StorageBackend<S3Capabilities> {
  readonly name = "S3Backend";
  readonly type = "s3";
  readonly capabilities: S3Capabilities;
  readonly #access: BucketAccess;

  /** @throws StorageConfigurationError naming the option at fault. */
  constructor(options: S3BackendOptions) {
    this.#access = openAccess(options);
    const { traits } = this.#access;
    // A client that has only the URL does not have the key.
    const isSignable = options.encryption?.type !== "sse-c";
    // Nor would it send the headers that say how to encrypt, and the object would get the bucket's default.
    const isUploadSignable = options.encryption === undefined;
    this.capabilities = Object.freeze({
      signGet: isSignable,
      signPut: isUploadSignable,
      signSize: isUploadSignable,
      ifAbsent: traits.conditionalPut,
      ifMatch: traits.conditionalPut,
      multipart: true,
      conditionalComplete: traits.conditionalComplete,
      exactDelete: false,
      conditionalRemove: traits.conditionalRemove,
      transform: false,
      maxBytes: maxObjectBytes,
      minPartBytes,
    });
  }

  classify(error: unknown): Failure {
    return classifyS3Error(error);
  }

  stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    return statObject(this.#access, key, options);
  }

  read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return readObject(this.#access, key, options);
  }

  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return writeObject(this.#access, key, body, options);
  }

  copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return copyObject(this.#access, from, to, options);
  }

  remove(key: Key, options: RemoveOptions): Promise<boolean> {
    return removeObject(this.#access, key, options);
  }

  removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    return removeObjects(this.#access, keys, options);
  }

  list(options: ListOptions): Promise<ListPage> {
    return listObjects(this.#access, options);
  }

  sign(key: Key, options: SignOptions): Promise<LazyUrl> {
    return signUrl(this.#access, key, options);
  }

  signer(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  createUpload(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    return openUpload(this.#access, key, options);
  }

  writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return writeUploadPart(this.#access, key, uploadId, number, body, options);
  }

  listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    return listUploadParts(this.#access, key, uploadId, options);
  }

  completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return completeOpenUpload(this.#access, key, uploadId, parts, options);
  }

  abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void> {
    return abortOpenUpload(this.#access, key, uploadId, options);
  }

  close(): Promise<void> {
    return this.#access.client.close();
  }
}
