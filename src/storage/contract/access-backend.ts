import type {
  Body,
  CallOptions,
  Capabilities,
  CopyOptions,
  DirectOptions,
  DirectRequest,
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
  UnfinishedOptions,
  UnfinishedUpload,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "./backend.js";
import type { Key } from "./key.js";
import { classifyError, refusal } from "./service-error.js";
import type { UrlSigner } from "./signed-url.js";

type Method = Exclude<keyof StorageBackend, "name" | "type" | "capabilities" | "classify" | "signer">;

/** What a service does, each verb as a function over what all of them share. */
export type Verbs<Access> = {
  readonly [Verb in Method]: (
    access: Access,
    ...given: Parameters<StorageBackend[Verb]>
  ) => ReturnType<StorageBackend[Verb]>;
};

/** What a backend over {@link Verbs} consists of. */
export interface AccessBackendParts<Access, C extends Capabilities> {
  readonly access: Access;
  readonly verbs: Verbs<Access>;
  readonly capabilities: C;
  /** The variables that say where the service is, for messages. */
  readonly addressVariables: string;
}

/** The backend of a service over the network whose provider serves its own URLs: a table of functions over one access object. */
export abstract class AccessBackend<Access, C extends Capabilities> implements StorageBackend<C> {
  abstract readonly name: string;
  abstract readonly type: string;
  readonly capabilities: C;
  readonly #access: Access;
  readonly #verbs: Verbs<Access>;
  readonly #addressVariables: string;

  protected constructor({ access, verbs, capabilities, addressVariables }: AccessBackendParts<Access, C>) {
    this.#access = access;
    this.#verbs = verbs;
    this.capabilities = capabilities;
    this.#addressVariables = addressVariables;
  }

  classify(error: unknown): Failure {
    return classifyError(error, this.#addressVariables);
  }

  stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    return this.#verbs.stat(this.#access, key, options);
  }

  read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    return this.#verbs.read(this.#access, key, options);
  }

  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.#verbs.write(this.#access, key, body, options);
  }

  copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    return this.#verbs.copy(this.#access, from, to, options);
  }

  remove(key: Key, options: RemoveOptions): Promise<boolean> {
    return this.#verbs.remove(this.#access, key, options);
  }

  removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    return this.#verbs.removeMany(this.#access, keys, options);
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#verbs.list(this.#access, options);
  }

  sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl> {
    return this.#verbs.sign(this.#access, key, options);
  }

  async signer(): Promise<UrlSigner | undefined> {
    return undefined;
  }

  signUpload(key: Key, options: DirectOptions): Promise<DirectRequest> {
    return this.#verbs.signUpload(this.#access, key, options);
  }

  createUpload(key: Key, description: ObjectDescription & CallOptions): Promise<string> {
    return this.#verbs.createUpload(this.#access, key, description);
  }

  writePart(key: Key, id: string, number: number, body: Body, options: CallOptions): Promise<UploadedPart> {
    return this.#verbs.writePart(this.#access, key, id, number, body, options);
  }

  listParts(key: Key, id: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    return this.#verbs.listParts(this.#access, key, id, options);
  }

  completeUpload(
    key: Key,
    id: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#verbs.completeUpload(this.#access, key, id, parts, options);
  }

  abortUpload(key: Key, id: string, options: CallOptions): Promise<void> {
    return this.#verbs.abortUpload(this.#access, key, id, options);
  }

  unfinished(options: UnfinishedOptions): AsyncIterable<UnfinishedUpload> {
    return this.#verbs.unfinished(this.#access, options);
  }

  close(): Promise<void> {
    return this.#verbs.close(this.#access);
  }
}

const noUploads = async () => {
  throw refusal("unsupported", "the service has no uploads in parts that another process can go on with");
};

/** The verbs of a service without uploads in parts. */
export const withoutUploads = {
  createUpload: noUploads,
  writePart: noUploads,
  listParts: noUploads,
  completeUpload: noUploads,
  abortUpload: noUploads,
  async *unfinished() {},
};
