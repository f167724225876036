import { resolve } from "node:path";
import { sharedSignal } from "../../contract/abortable.js";
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
import { type Checksum, checksumOf } from "../../contract/checksum.js";
import type { Key } from "../../contract/key.js";
import { UrlSigner } from "../../contract/signed-url.js";
import { classifyDiskError } from "./classify.js";
import { parseCursor, writeCursor } from "./cursor.js";
import { DiskError } from "./disk-error.js";
import type { Answer } from "./disk-threads.js";
import { Incoming, maxSmallBytes } from "./incoming.js";
import { checkSegments } from "./layout.js";
import { Uploads } from "./multipart.js";
import type { OpenStore } from "./open-store.js";
import { toOpened } from "./opened.js";
import { type Durability, openStore } from "./opening.js";
import {
  type Described,
  draftOf,
  type ObjectRecord,
  type RecordDraft,
  recordOf,
  recordText,
  toStat,
} from "./record.js";
import { RecordCache } from "./record-cache.js";
import { keptSecret } from "./secret.js";
import { randomToken } from "./temp-name.js";
import { writeTemp } from "./write-temp.js";

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

/** Bytes that the text of an ordinary record takes. */
const recordRoom = 2 * 1024;

const capabilities = {
  signGet: true,
  signPut: true,
  signSize: true,
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  exactDelete: true,
  conditionalRemove: true,
  transform: false,
  maxBytes: Number.MAX_SAFE_INTEGER,
  minPartBytes: 1,
} as const;

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
  #opening: Promise<OpenStore> | undefined;
  #store: OpenStore | undefined;
  #signer: Promise<UrlSigner> | undefined;
  readonly #closing = new AbortController();

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
    const open = await this.#open();
    const { found } = await open.ask("stat", { key, known: known.file }, { signal, room: recordRoom });
    return toStat(key, this.#recordOf(key, found, known.record));
  }

  async read(key: Key, { range, ifMatch, signal }: ReadOptions): Promise<OpenedObject> {
    checkSegments(key);
    signal?.throwIfAborted();
    const known = this.#records.get(key);
    const knownVersion = ifMatch === undefined ? undefined : known.record?.version;
    const job = { key, known: known.file, knownVersion, range, ifMatch };
    const { threads } = this.#store ?? (await this.#open());
    const use = ({ reply, bytes }: Answer<"read">) =>
      toOpened(toStat(key, this.#recordOf(key, reply.found, known.record)), reply, bytes, signal);
    const opened = await threads.run("read", job, use, { signal, room: known.room });
    if (!signal?.aborted) return opened;
    await opened.close();
    throw signal.reason;
  }

  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const { bytes } = body;
    const isSmall = bytes !== undefined && bytes.byteLength <= maxSmallBytes;
    return isSmall ? this.#writeSmall(key, bytes, undefined, options) : this.#writeLarge(key, body, options);
  }

  async #writeLarge(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    checkSegments(key);
    options.signal?.throwIfAborted();
    const incoming = new Incoming(body, options.signal);
    const head = await this.#readHead(incoming);
    const whole = incoming.isDone ? Buffer.concat(head) : undefined;
    if (whole !== undefined && whole.byteLength <= maxSmallBytes) {
      return this.#writeSmall(key, whole, body.checksum(), options);
    }
    return this.#writeStream(key, body, incoming, head, options);
  }

  async copy(from: Key, to: Key, copyOptions: CopyOptions): Promise<ObjectStat> {
    const { ifAbsent, ifMatch, sourceIfMatch, ...options } = copyOptions;
    checkSegments(from);
    checkSegments(to);
    const job = { from, to, version: randomToken(), ifAbsent, ifMatch, sourceIfMatch };
    const described = await (await this.#open()).commit("copy", to, job, options);
    return toStat(to, this.#recordOf(to, described));
  }

  async remove(key: Key, { ifMatch, signal }: RemoveOptions): Promise<boolean> {
    checkSegments(key);
    const open = await this.#open();
    const wasThere = await open.commit("remove", key, { key, version: randomToken(), ifMatch }, { signal });
    this.#records.delete(key);
    return wasThere;
  }

  async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    const failures: RemoveFailure[] = [];
    const signal = options.signal && sharedSignal(options.signal);
    const removals = keys.map((key) =>
      this.remove(key, { ifMatch: undefined, signal }).catch((error) => failures.push({ key, error })),
    );
    await Promise.all(removals);
    return failures;
  }

  async list({ prefix, delimiter, cursor, limit, details, signal }: ListOptions): Promise<ListPage> {
    const after = parseCursor(prefix, cursor);
    const open = await this.#open();
    const page = await open.ask("list", { prefix, delimiter, after, limit, details }, { signal });
    return {
      items: page.files.map(([key, size, ms]) => ({
        key: key as Key,
        size,
        lastModified: ms === undefined ? undefined : new Date(ms),
      })),
      prefixes: page.prefixes,
      cursor: page.next === undefined ? undefined : writeCursor(prefix, page.next),
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
    const described = await (await this.#uploads()).complete(key, uploadId, parts, options);
    return toStat(key, this.#recordOf(key, described));
  }

  async abortUpload(key: Key, uploadId: string, _options: CallOptions): Promise<void> {
    await (await this.#uploads()).abort(key, uploadId);
  }

  async close(): Promise<void> {
    this.#closing.abort(new DiskError("unavailable", "the storage is closed"));
    this.#store = undefined;
    const open = await this.#opening?.catch(() => undefined);
    await open?.close();
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
    payload: Uint8Array,
    checksum: Checksum | undefined,
    options: WriteOptions,
  ): Promise<ObjectStat> {
    const { ifAbsent, ifMatch, signal } = options;
    checkSegments(key);
    signal?.throwIfAborted();
    const known = checksum ?? checksumOf(payload);
    const draft = draftOf(options, payload.byteLength, known);
    const open = this.#store ?? (await this.#open());
    const text = recordText(key, open.store.holderText, draft);
    const job = { key, ifAbsent, ifMatch };
    return this.#written(key, draft, await open.commit("putBytes", key, job, { signal, payload, text }));
  }

  async #writeStream(
    key: Key,
    body: Body,
    incoming: Incoming,
    head: readonly Uint8Array[],
    options: WriteOptions,
  ): Promise<ObjectStat> {
    const { ifAbsent, ifMatch, signal, onProgress } = options;
    const open = await this.#open();
    const temp = await writeTemp(open.store, incoming, { first: head, onProgress });
    const draft = draftOf(options, temp.size, body.checksum());
    const text = recordText(key, open.store.holderText, draft);
    const job = { key, ifAbsent, ifMatch, temp: temp.path, fd: temp.fd };
    try {
      if (this.#options.durability === "full") await temp.sync();
      return this.#written(key, draft, await open.commit("putStreamed", key, job, { signal, text }));
    } catch (error) {
      await temp.discard();
      throw error;
    } finally {
      await temp.close().catch(() => undefined);
    }
  }

  #written(key: Key, draft: RecordDraft, stampUs: number): ObjectStat {
    const record = { ...draft, stampUs };
    this.#records.set(key, { size: draft.size, stampUs, inode: undefined }, record);
    return toStat(key, record);
  }

  /** No record in the answer means: the one that was known when the question was sent, whatever is known by now. */
  #recordOf(key: Key, described: Described, known?: ObjectRecord): ObjectRecord {
    const record = recordOf(described);
    if (record !== undefined) this.#records.set(key, described.file, record);
    const found = record ?? known;
    if (found === undefined) throw new DiskError("unavailable", "a disk thread gave no record");
    return found;
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
    return new Uploads(await this.#open());
  }

  async #makeSigner(): Promise<UrlSigner> {
    const { baseUrl, secrets } = this.#options;
    const signing = secrets.length > 0 ? secrets : [await keptSecret((await this.#open()).store)];
    return new UrlSigner({ baseUrl, secrets: signing });
  }
}
