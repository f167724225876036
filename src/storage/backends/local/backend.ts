import { resolve } from "node:path";
import { unlessAborted } from "../../abortable.js";
import type {
  Body,
  CallOptions,
  CopyOptions,
  Failure,
  ListOptions,
  ListPage,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  RemoveFailure,
  SignOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../../backend.js";
import { type Checksum, checksumOf } from "../../checksum.js";
import type { Key } from "../../key.js";
import { UrlSigner } from "../../signed-url.js";
import { classifyDiskError } from "./classify.js";
import { parseCursor, writeCursor } from "./cursor.js";
import { DiskError, isBusy } from "./disk-error.js";
import type { Answer } from "./disk-threads.js";
import { Incoming, maxSmallBytes } from "./incoming.js";
import type { JobKind, JobKinds } from "./jobs.js";
import { KeyQueue } from "./key-queue.js";
import { checkSegments } from "./layout.js";
import { Uploads, writeTemp } from "./multipart.js";
import { type Durability, type OpenStore, openStore } from "./opening.js";
import { Outgoing } from "./outgoing.js";
import {
  type Described,
  type FileFingerprint,
  type ObjectRecord,
  type RecordDraft,
  toStat,
} from "./record.js";
import { type CachedRecord, RecordCache } from "./record-cache.js";
import { keptSecret } from "./secret.js";
import type { TempFile } from "./temp-file.js";
import { randomToken } from "./temp-name.js";

/** How a local backend is set up. */
export interface LocalBackendOptions {
  /** Folder of the objects; made when it is missing. Only the service may be able to write in it. Default `/data/uploads`. */
  readonly basePath?: string;
  /** Where the file route answers, for signed URLs. Default `http://localhost:8000/files`. */
  readonly baseUrl?: string;
  /** Secrets of signed URLs, the newest first, 32 bytes at least. Default: one that is made once and kept in the base folder. */
  readonly secrets?: readonly string[] | undefined;
  /** `full` (default) syncs files and folders before a write is acknowledged; `fast` keeps only the order. */
  readonly durability?: Durability;
}

const capabilities = {
  signGet: true,
  signPut: true,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  exactDelete: true,
  maxBytes: Number.MAX_SAFE_INTEGER,
  minPartBytes: 1,
} as const;

/** How long a write waits for writers of other processes, in milliseconds. */
const maxBusyMs = 40_000;
const maxBusyPauseMs = 16;

/**
 * Objects as plain files in a folder, their metadata as JSON files beside them (`.svc-infra/meta`).
 *
 * Writes are atomic and, with `durability: "full"`, durable when they are acknowledged; several processes may
 * work on one folder. How: docs/adr/0004-local-commit-protocol.md.
 */
export class LocalBackend implements StorageBackend<typeof capabilities> {
  readonly name = "LocalBackend";
  readonly type = "local";
  readonly capabilities = capabilities;
  readonly #options: Required<LocalBackendOptions> & { readonly secrets: readonly string[] };
  readonly #records = new RecordCache();
  readonly #writers = new KeyQueue();
  #opening: Promise<OpenStore> | undefined;
  #signer: Promise<UrlSigner> | undefined;
  #isClosed = false;

  constructor(options: LocalBackendOptions = {}) {
    this.#options = {
      basePath: resolve(options.basePath ?? "/data/uploads"),
      baseUrl: options.baseUrl ?? "http://localhost:8000/files",
      secrets: options.secrets ?? [],
      durability: options.durability ?? "full",
    };
  }

  classify(error: unknown): Failure {
    return classifyDiskError(error);
  }

  async stat(key: Key, { signal }: CallOptions): Promise<ObjectStat> {
    checkSegments(key);
    const known = this.#records.get(key);
    const described = await unlessAborted(
      () => this.#run("stat", { key, known: known?.file }, ({ reply }) => reply),
      signal,
    );
    return toStat(key, this.#recordOf(key, described, known));
  }

  async read(key: Key, { range, ifMatch, signal }: ReadOptions): Promise<OpenedObject> {
    checkSegments(key);
    signal?.throwIfAborted();
    const known = this.#records.get(key);
    const job = { key, known: known?.file, knownVersion: known?.record.version, range, ifMatch };
    const opened = await this.#run(
      "read",
      job,
      (answer) => this.#toOpened(key, answer, known, signal),
      undefined,
      maxSmallBytes,
    );
    if (!signal?.aborted) return opened;
    await opened.close();
    throw signal.reason;
  }

  async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    checkSegments(key);
    options.signal?.throwIfAborted();
    const { bytes } = body;
    if (bytes !== undefined && bytes.byteLength <= maxSmallBytes) {
      return this.#writeSmall(key, bytes, checksumOf(bytes), options);
    }
    const incoming = new Incoming(body, options.signal);
    const head = await this.#readHead(incoming);
    const whole = incoming.isDone ? Buffer.concat(head) : undefined;
    if (whole !== undefined && whole.byteLength <= maxSmallBytes) {
      return this.#writeSmall(key, whole, body.checksum(), options);
    }
    return this.#writeStream(key, body, incoming, head, options);
  }

  async copy(from: Key, to: Key, { ifAbsent, ifMatch, signal }: CopyOptions): Promise<ObjectStat> {
    checkSegments(from);
    checkSegments(to);
    const job = { from, to, version: randomToken(), ifAbsent, ifMatch };
    const described = await this.#commit("copy", to, job, signal);
    return toStat(to, this.#recordOf(to, described));
  }

  async remove(key: Key, { signal }: CallOptions): Promise<boolean> {
    checkSegments(key);
    const wasThere = await this.#commit("remove", key, { key, version: randomToken() }, signal);
    this.#records.delete(key);
    return wasThere;
  }

  async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    const failures: RemoveFailure[] = [];
    const removals = keys.map((key) =>
      this.remove(key, options).catch((error) => failures.push({ key, error })),
    );
    await Promise.all(removals);
    return failures;
  }

  async list({ prefix, delimiter, cursor, limit, signal }: ListOptions): Promise<ListPage> {
    const after = parseCursor(prefix, cursor);
    const { listThread } = await this.#open();
    const job = { prefix, delimiter, after, limit };
    const page = await unlessAborted(() => listThread.run("list", job, ({ reply }) => reply), signal);
    return {
      items: page.files.map(([key, size, ms]) => ({ key: key as Key, size, lastModified: new Date(ms) })),
      prefixes: page.prefixes,
      cursor: page.next === undefined ? undefined : writeCursor(prefix, page.next),
    };
  }

  async sign(key: Key, options: SignOptions): Promise<string> {
    checkSegments(key);
    return (await this.signer()).sign(key, options);
  }

  signer(): Promise<UrlSigner> {
    this.#signer ??= this.#makeSigner().catch((error) => {
      this.#signer = undefined;
      throw error;
    });
    return this.#signer;
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

  async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    { ifAbsent, ifMatch, signal }: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    const uploads = await this.#uploads();
    const description = await uploads.description(key, uploadId);
    const paths = await uploads.paths(uploadId, parts);
    const draft: RecordDraft = { ...description, version: randomToken(), size: 0, checksum: undefined };
    const job = { key, draft, ifAbsent, ifMatch, parts: paths };
    const described = await this.#commit("assemble", key, job, signal);
    await uploads.drop(uploadId);
    return toStat(key, this.#recordOf(key, described));
  }

  async abortUpload(key: Key, uploadId: string, _options: CallOptions): Promise<void> {
    const uploads = await this.#uploads();
    if (await uploads.belongs(key, uploadId)) await uploads.drop(uploadId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = await this.#opening?.catch(() => undefined);
    await Promise.all([open?.threads.close(), open?.listThread.close()]);
  }

  async #readHead(incoming: Incoming): Promise<Uint8Array[]> {
    try {
      return await incoming.next(maxSmallBytes + 1);
    } catch (error) {
      incoming.stop();
      throw error;
    }
  }

  async #writeSmall(
    key: Key,
    bytes: Uint8Array,
    checksum: Checksum,
    options: WriteOptions,
  ): Promise<ObjectStat> {
    const draft = draftOf(options, bytes.byteLength, checksum);
    const job = { key, draft, ifAbsent: options.ifAbsent, ifMatch: options.ifMatch };
    const file = await this.#commit("putBytes", key, job, options.signal, bytes);
    return this.#written(key, draft, file);
  }

  async #writeStream(
    key: Key,
    body: Body,
    incoming: Incoming,
    head: readonly Uint8Array[],
    options: WriteOptions,
  ): Promise<ObjectStat> {
    const { store } = await this.#open();
    const file = await writeTemp(store.newTemp(), incoming, head);
    const draft = draftOf(options, file.size, body.checksum());
    return this.#written(key, draft, await this.#publish(key, draft, file, options));
  }

  async #publish(
    key: Key,
    draft: RecordDraft,
    file: TempFile,
    { ifAbsent, ifMatch, signal }: WriteOptions,
  ): Promise<FileFingerprint> {
    const job = { key, draft, ifAbsent, ifMatch, temp: file.path, fd: file.fd };
    try {
      const published = await this.#commit("putStreamed", key, job, signal);
      await file.close();
      return published;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  #written(key: Key, draft: RecordDraft, file: FileFingerprint): ObjectStat {
    const record = { ...draft, stampUs: file.stampUs };
    this.#records.set(key, file, record);
    return toStat(key, record);
  }

  /** No record in the answer means: the one that was known when the question was sent, whatever is known by now. */
  #recordOf(key: Key, { file, record }: Described, known?: CachedRecord): ObjectRecord {
    if (record !== undefined) this.#records.set(key, file, record);
    const found = record ?? known?.record;
    if (found === undefined) throw new DiskError("unavailable", "a disk thread gave no record");
    return found;
  }

  #toOpened(
    key: Key,
    { reply, bytes }: Answer<"read">,
    known: CachedRecord | undefined,
    signal: AbortSignal | undefined,
  ): OpenedObject {
    const { start, end, fd } = reply;
    const stat = toStat(key, this.#recordOf(key, reply, known));
    if (fd === undefined) return openedBytes(stat, start, Buffer.from(bytes.subarray(0, end - start)));
    const body = new Outgoing(fd, start, end, signal);
    return { stat, start, end, bytes: undefined, body, close: async () => body.close() };
  }

  /** Runs a job that changes a key; one at a time, and again while another process is at it. */
  #commit<Kind extends "putBytes" | "putStreamed" | "copy" | "assemble" | "remove">(
    kind: Kind,
    key: Key,
    job: JobKinds[Kind]["job"],
    signal: AbortSignal | undefined,
    payload?: Uint8Array,
  ): Promise<JobKinds[Kind]["reply"]> {
    return this.#writers.run(key, async () => {
      const startMs = performance.now();
      for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, maxBusyPauseMs)) {
        signal?.throwIfAborted();
        try {
          return await this.#run(kind, job, ({ reply }) => reply, payload);
        } catch (error) {
          if (!isBusy(error) || performance.now() - startMs > maxBusyMs) throw error;
          await new Promise((done) => setTimeout(done, pauseMs * Math.random()));
        }
      }
    });
  }

  async #run<Kind extends JobKind, T>(
    kind: Kind,
    job: JobKinds[Kind]["job"],
    use: (answer: Answer<Kind>) => T,
    payload?: Uint8Array,
    room?: number,
  ): Promise<T> {
    const { threads } = await this.#open();
    return threads.run(kind, job, use, payload, room);
  }

  #open(): Promise<OpenStore> {
    if (this.#isClosed) return Promise.reject(new DiskError("unavailable", "the storage is closed"));
    this.#opening ??= openStore(this.#options.basePath, this.#options.durability).catch((error) => {
      this.#opening = undefined;
      throw error;
    });
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

function draftOf(
  { contentType, filename, metadata }: ObjectDescription,
  size: number,
  checksum: Checksum,
): RecordDraft {
  return { version: randomToken(), size, contentType, filename, metadata: { ...metadata }, checksum };
}

function openedBytes(stat: ObjectStat, start: number, bytes: Uint8Array): OpenedObject {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (bytes.byteLength > 0) yield bytes;
  }
  return { stat, start, end: start + bytes.byteLength, bytes, body: body(), close: async () => undefined };
}
