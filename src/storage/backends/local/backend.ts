import { resolve } from "node:path";
import { sharedSignal, unlessAborted } from "../../contract/abortable.js";
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
} from "../../contract/backend.js";
import { type Checksum, checksumOf } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { Opened, openedBytes } from "../../contract/opened.js";
import { ServiceError } from "../../contract/service-error.js";
import { checkSecret, defaultBaseUrl, UrlSigner } from "../../contract/signed-url.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import { type CommitJob, commit } from "./commit/commit.js";
import { removeObject } from "./commit/remove.js";
import { Sweep } from "./commit/sweep.js";
import { classifyDiskError } from "./disk/classify.js";
import { checkSegments } from "./disk/layout.js";
import type { OpenStore } from "./open-store.js";
import { type Durability, openStore } from "./opening.js";
import { statObject } from "./read/find.js";
import { readPlace, writePlace } from "./read/list-cursor.js";
import { OpenFile } from "./read/open-file.js";
import { maxSmallBytes, openVersion, type ReadAnswer, readObject } from "./read/read.js";
import { draftOf, type RecordDraft, toStat } from "./record/record.js";
import { keptSecret } from "./secret.js";
import { BodyReader } from "./upload/body-reader.js";
import { copyToTemp } from "./upload/copy.js";
import type { TempFile } from "./upload/temp-file.js";
import { Uploads } from "./upload/uploads.js";
import { writeTemp } from "./upload/write-temp.js";

/** How a local backend is set up. */
export interface LocalBackendOptions {
  /** Folder of the objects; made when it is missing. Only the service may be able to write in it. Default `/data/uploads`. */
  readonly basePath?: string | undefined;
  /**
   * Where the file route answers, for signed URLs. Default: none, and no URLs, until `addStorage` mounts the file route.
   */
  readonly baseUrl?: string | undefined;
  /** Secrets of signed URLs, the newest first, 32 bytes at least. Default: one that is made once and kept in the base folder. */
  readonly secrets?: readonly string[] | undefined;
  /** `full` (default) syncs files and folders before a write is acknowledged; `fast` keeps only the order. */
  readonly durability?: Durability | undefined;
}

const capabilities = {
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  exactDelete: true,
  conditionalRemove: true,
  conditionalCopySource: true,
  transform: false,
  maxBytes: Number.MAX_SAFE_INTEGER,
  minPartBytes: 1,
} as const;

/** URLs are signed where something serves them. */
type LocalCapabilities = typeof capabilities &
  Readonly<Record<"signGet" | "signPut" | "signSize", boolean>> &
  Pick<Capabilities, "direct">;

const rules: OptionRules<LocalBackendOptions> = {
  call: "new LocalBackend",
  kinds: {
    basePath: "string",
    baseUrl: "string",
    secrets: "array",
    durability: "string",
  },
  instead: { root: "basePath", location: "basePath", directory: "basePath" },
};

/**
 * Objects as plain files in a folder, their metadata as JSON files beside them (`.svc-infra/meta`).
 *
 * Writes are atomic and, with `durability: "full"`, durable when they are acknowledged; several processes may
 * work on one folder. How: docs/adr/0004-local-commit-protocol.md.
 */
export class LocalBackend implements StorageBackend<LocalCapabilities> {
  readonly name = "LocalBackend";
  readonly type = "local";
  readonly capabilities: LocalCapabilities;
  readonly #options: {
    readonly [Name in keyof LocalBackendOptions]-?: NonNullable<LocalBackendOptions[Name]>;
  };
  #opening: Promise<OpenStore> | undefined;
  #store: OpenStore | undefined;
  #signer: Promise<UrlSigner> | undefined;
  readonly #closing = new AbortController();

  constructor(options: LocalBackendOptions = {}) {
    checkStorageOptions(options, rules);
    options.secrets?.forEach(checkSecret);
    const isServed = options.baseUrl !== undefined;
    const served = { signGet: isServed, signPut: isServed, signSize: isServed };
    this.capabilities = { ...capabilities, ...served, ...(isServed && { direct: "whole" }) };
    this.#options = {
      basePath: resolve(options.basePath ?? "/data/uploads"),
      baseUrl: options.baseUrl ?? defaultBaseUrl,
      secrets: options.secrets ?? [],
      durability: options.durability ?? "full",
    };
  }

  classify(error: unknown): Failure {
    return classifyDiskError(error);
  }

  async stat(key: Key, { signal }: CallOptions): Promise<ObjectStat> {
    checkSegments(key);
    signal?.throwIfAborted();
    const open = this.#store ?? (await this.#open());
    return toStat(key, await open.run(() => statObject(open.store, key)));
  }

  async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const { signal } = options;
    const opened = toOpened(key, await this.#read(key, options), signal);
    if (!signal?.aborted) return opened;
    await opened.close();
    throw signal.reason;
  }

  async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    checkSegments(key);
    options.signal?.throwIfAborted();
    const { bytes } = body;
    if (bytes !== undefined && bytes.byteLength <= maxSmallBytes)
      return await this.#commit(smallJob(key, bytes, checksumOf(bytes), options), options.signal, bytes);
    const { store } = await this.#open();
    const reader = new BodyReader(body.open(), options.signal);
    const head = await readHead(reader);
    const whole = reader.isDone ? Buffer.concat(head) : undefined;
    if (whole !== undefined && whole.byteLength <= maxSmallBytes)
      return await this.#commit(smallJob(key, whole, body.checksum(), options), options.signal, whole);
    const temp = await writeTemp(store, reader, { first: head, onProgress: options.onProgress });
    return this.#commitTemp(key, temp, () => draftOf(options, temp.size, body.checksum()), options);
  }

  async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    checkSegments(to);
    checkSegments(from);
    options.signal?.throwIfAborted();
    const open = await this.#open();
    const opening = () => openVersion(open.store, from, options.sourceIfMatch);
    const { fd, file, record } = await open.run(opening);
    const temp = await copyToTemp(open.store, fd, file.size, options);
    return this.#commitTemp(
      to,
      temp,
      () => draftOf(options.description ?? record, record.size, record.checksum),
      options,
    );
  }

  async remove(key: Key, { ifMatch, signal }: RemoveOptions): Promise<boolean> {
    checkSegments(key);
    const open = await this.#open();
    return open.change(key, () => removeObject(open.store, { key, ifMatch }), signal);
  }

  async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    const failures: RemoveFailure[] = [];
    const signal = options.signal && sharedSignal(options.signal);
    const removals = keys.map((key) =>
      this.remove(key, { ifMatch: undefined, signal }).catch((error) => failures.push({ key, error })),
    );
    await Promise.all(removals);
    if (failures.length > 0) options.signal?.throwIfAborted();
    return failures;
  }

  async list({ prefix, delimiter, cursor, limit, details, signal }: ListOptions): Promise<ListPage> {
    const place = readPlace(prefix, cursor);
    const open = await this.#open();
    const question = { prefix, delimiter, ...place, limit, details };
    const page = await unlessAborted(() => open.run(() => open.lister.list(question)), signal);
    return {
      items: page.files.map(([key, size, ms]) => ({
        key: key as Key,
        size,
        lastModified: ms === undefined ? undefined : new Date(ms),
      })),
      prefixes: page.prefixes,
      cursor: page.next === undefined ? undefined : writePlace(prefix, { ...place, after: page.next }),
    };
  }

  async sign(key: Key, options: SignOptions): Promise<LazyUrl> {
    checkSegments(key);
    const signer = await this.signer();
    return () => signer.sign(key, options);
  }

  signer(): Promise<UrlSigner> {
    this.#signer ??= this.#makeSigner().catch((error) => {
      this.#signer = undefined;
      throw error;
    });
    return this.#signer;
  }

  async signUpload(key: Key, options: DirectOptions): Promise<DirectRequest> {
    return (await this.signer()).request(key, options);
  }

  async createUpload(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    checkSegments(key);
    options.signal?.throwIfAborted();
    return (await this.#uploads()).create(key, options);
  }

  async writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return (await this.#uploads()).writePart(key, uploadId, number, body, options);
  }

  async listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    options.signal?.throwIfAborted();
    return (await this.#uploads()).list(key, uploadId);
  }

  async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    const uploads = await this.#uploads();
    const { temp, draft } = await uploads.join(key, uploadId, parts, options);
    const stat = await this.#commitTemp(key, temp, () => draft, options);
    await uploads.drop(uploadId).catch(() => undefined);
    return stat;
  }

  async abortUpload(key: Key, uploadId: string, _options: CallOptions): Promise<void> {
    await (await this.#uploads()).abort(key, uploadId);
  }

  async *unfinished(options: UnfinishedOptions): AsyncIterable<UnfinishedUpload> {
    options.signal?.throwIfAborted();
    const { store } = await this.#open();
    const sweep = new Sweep(store);
    while (options.dryRun !== true && !sweep.run()) await new Promise(setImmediate);
    yield* new Uploads(store).all();
  }

  async close(): Promise<void> {
    this.#closing.abort(new ServiceError("unavailable", "the storage is closed"));
    this.#store = undefined;
    const open = await this.#opening?.catch(() => undefined);
    await open?.close();
  }

  async #read(key: Key, options: ReadOptions): Promise<ReadAnswer> {
    checkSegments(key);
    options.signal?.throwIfAborted();
    const open = this.#store ?? (await this.#open());
    return open.run(() => readObject(open.store, key, options));
  }

  /** Commits a complete temporary file, or discards it. */
  async #commitTemp(
    key: Key,
    temp: TempFile,
    describe: () => RecordDraft,
    { ifAbsent, ifMatch, signal }: WriteConditions & CallOptions,
  ): Promise<ObjectStat> {
    try {
      await temp.sync();
      const streamed = { temp: temp.path, fd: temp.fd };
      return await this.#commit({ key, draft: describe(), ifAbsent, ifMatch, streamed }, signal);
    } catch (error) {
      await temp.discard();
      throw error;
    } finally {
      await temp.close().catch(() => undefined);
    }
  }

  async #commit(job: KeyJob, signal: AbortSignal | undefined, bytes?: Uint8Array): Promise<ObjectStat> {
    const open = this.#store ?? (await this.#open());
    const record = await open.change(job.key, () => commit(open.store, job, bytes), signal);
    return toStat(job.key, record);
  }

  #open(): Promise<OpenStore> {
    const { signal } = this.#closing;
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#opening ??= openStore(this.#options.basePath, this.#options.durability, signal).then(
      (open) => (this.#store = open),
      (error) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #uploads(): Promise<Uploads> {
    return new Uploads((await this.#open()).store);
  }

  async #makeSigner(): Promise<UrlSigner> {
    const { baseUrl, secrets } = this.#options;
    const signing = secrets.length > 0 ? secrets : [await keptSecret((await this.#open()).store)];
    return new UrlSigner({ baseUrl, secrets: signing });
  }
}

type KeyJob = CommitJob & { readonly key: Key };

function smallJob(key: Key, bytes: Uint8Array, checksum: Checksum, options: WriteOptions): KeyJob {
  const { ifAbsent, ifMatch } = options;
  return { key, draft: draftOf(options, bytes.byteLength, checksum), ifAbsent, ifMatch };
}

async function readHead(reader: BodyReader): Promise<Uint8Array[]> {
  try {
    return await reader.next(maxSmallBytes + 1);
  } catch (error) {
    reader.stop();
    throw error;
  }
}

function toOpened(key: Key, answer: ReadAnswer, signal: AbortSignal | undefined): OpenedObject {
  const stat = toStat(key, answer.record);
  return "fd" in answer
    ? new Opened(stat, answer, new OpenFile(answer.fd, answer, signal))
    : openedBytes(stat, answer, answer.bytes);
}
