import { constants } from "node:buffer";
import { randomBytes } from "node:crypto";
import { abortable } from "../../contract/abortable.js";
import type {
  Body,
  CallOptions,
  Capabilities,
  CopyOptions,
  DirectOptions,
  DirectRequest,
  Failure,
  LazyUrl,
  ListedObject,
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
  UnfinishedUpload,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { readCursor, writeCursor } from "../../contract/page-cursor.js";
import { classifyError, refusal } from "../../contract/service-error.js";
import { defaultBaseUrl, UrlSigner } from "../../contract/signed-url.js";
import { checkStorageOptions, type OptionRules } from "../../contract/storage-options.js";
import { ByteBudget } from "./byte-budget.js";
import { ExpiryClock } from "./expiry-clock.js";
import { pageOf } from "./name-page.js";
import { ObjectTable } from "./object-table.js";
import { openStored } from "./read.js";
import { UploadTable } from "./upload-table.js";

/** Options of `MemoryBackend`. */
export interface MemoryBackendOptions {
  /** Bytes that all objects and uploads together may take, with keys, metadata and 512 an entry. Default: 100,000,000. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds after which objects, and uploads that were not completed, are gone; never by default. */
  readonly ttlMs?: number | undefined;
  /**
   * Where the file route is reached, for signed URLs. Default: none, and no URLs, until `addStorage` mounts the file route.
   */
  readonly baseUrl?: string | undefined;
  /** Secrets of signed URLs, the first one signs; a random one by default. */
  readonly secrets?: readonly string[] | undefined;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: (() => number) | undefined;
}

/** Everything, and URLs where something serves them; `maxBytes` is the longest buffer of this Node, since the limit in all is a quota. */
const memoryCapabilities = {
  ifAbsent: true,
  ifMatch: true,
  multipart: true,
  conditionalComplete: true,
  exactDelete: true,
  conditionalRemove: true,
  conditionalCopySource: true,
  transform: false,
  maxBytes: constants.MAX_LENGTH,
  minPartBytes: 1,
} as const;

type MemoryCapabilities = typeof memoryCapabilities &
  Readonly<Record<"signGet" | "signPut" | "signSize", boolean>> &
  Pick<Capabilities, "direct">;

const rules: OptionRules<MemoryBackendOptions> = {
  call: "new MemoryBackend",
  kinds: {
    maxBytes: "number",
    ttlMs: "number",
    baseUrl: "string",
    secrets: "array",
    now: "function",
  },
};

/** Keeps objects in this process, for tests, development and what may be lost. Readers keep the version they opened. */
export class MemoryBackend implements StorageBackend<MemoryCapabilities> {
  readonly name = "MemoryBackend";
  readonly type = "memory";
  readonly capabilities: MemoryCapabilities;
  readonly #now: () => number;
  readonly #signer: UrlSigner;
  readonly #budget: ByteBudget;
  readonly #objects: ObjectTable;
  readonly #uploads: UploadTable;
  readonly #clock: ExpiryClock | undefined;
  #isClosed = false;

  constructor(options: MemoryBackendOptions = {}) {
    checkStorageOptions(options, rules);
    const { maxBytes = 100_000_000, ttlMs, baseUrl } = options;
    const isServed = baseUrl !== undefined;
    const served = { signGet: isServed, signPut: isServed, signSize: isServed };
    this.capabilities = { ...memoryCapabilities, ...served, ...(isServed && { direct: "whole" }) };
    this.#now = options.now ?? Date.now;
    const secrets = options.secrets ?? [randomBytes(32).toString("base64url")];
    this.#signer = new UrlSigner({ baseUrl: baseUrl ?? defaultBaseUrl, secrets, now: this.#now });
    this.#budget = new ByteBudget(maxBytes);
    this.#objects = new ObjectTable(this.#budget);
    this.#uploads = new UploadTable(this.#budget);
    if (ttlMs !== undefined)
      this.#clock = new ExpiryClock(ttlMs, this.#now, (time) => this.#removeUntil(time));
  }

  classify(error: unknown): Failure {
    return classifyError(error);
  }

  async stat(key: Key, options: CallOptions): Promise<ObjectStat> {
    this.#enter(options);
    return this.#objects.statOf(key, this.#objects.get(key));
  }

  async read(key: Key, { range, ifMatch, signal }: ReadOptions): Promise<OpenedObject> {
    this.#enter({ signal });
    const object = this.#objects.get(key);
    this.#objects.checkVersion(object, ifMatch);
    return openStored(object.bytes, this.#objects.statOf(key, object), range, signal);
  }

  async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    this.#enter(options);
    if (body.bytes !== undefined) return this.#publish(key, Buffer.from(body.bytes), 0, body, options);
    return this.#take(body, options, (bytes) => this.#publish(key, bytes, bytes.length, body, options));
  }

  async copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat> {
    this.#enter(options);
    const source = this.#objects.get(from);
    this.#objects.checkVersion(source, options.sourceIfMatch);
    const description =
      options.description === undefined ? source.description : descriptionOf(options.description);
    const copied = this.#objects.publish(
      to,
      { ...source, description, reservedBytes: 0 },
      options,
      this.#now(),
    );
    this.#clock?.start();
    return this.#objects.statOf(to, copied);
  }

  async remove(key: Key, options: RemoveOptions): Promise<boolean> {
    this.#enter(options);
    return this.#objects.remove(key, options.ifMatch);
  }

  async removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]> {
    this.#enter(options);
    for (const key of keys) this.#objects.remove(key);
    return [];
  }

  async list(options: ListOptions): Promise<ListPage> {
    this.#enter(options);
    const { prefix, cursor } = options;
    const after = cursor === undefined ? undefined : readCursor(prefix, cursor);
    const { names, prefixes, last } = pageOf(this.#objects.names, options, after);
    return {
      items: names.map((key) => this.#listed(key)),
      prefixes,
      cursor: last === undefined ? undefined : writeCursor(prefix, last),
    };
  }

  sign(key: Key, options: SignOptions): LazyUrl {
    this.#enter(undefined);
    return () => this.#signer.sign(key, options);
  }

  async signer(): Promise<UrlSigner> {
    return this.#signer;
  }

  async signUpload(key: Key, options: DirectOptions): Promise<DirectRequest> {
    this.#enter(options);
    return this.#signer.request(key, options);
  }

  async createUpload(key: Key, options: ObjectDescription & CallOptions): Promise<string> {
    this.#enter(options);
    this.#clock?.start();
    return this.#uploads.create(key, descriptionOf(options), this.#now());
  }

  async writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    this.#enter(options);
    this.#uploads.check(key, uploadId);
    return this.#take(body, options, (bytes) =>
      this.#uploads.put(key, uploadId, number, bytes, body.checksum()),
    );
  }

  async listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]> {
    this.#enter(options);
    return this.#uploads.list(key, uploadId);
  }

  async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    this.#enter(options);
    const stored = this.#objects.publish(key, this.#uploads.join(key, uploadId, parts), options, this.#now());
    this.#uploads.forget(uploadId);
    this.#clock?.start();
    return this.#objects.statOf(key, stored);
  }

  async abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void> {
    this.#enter(options);
    this.#uploads.abort(key, uploadId);
  }

  async *unfinished(options: CallOptions): AsyncIterable<UnfinishedUpload> {
    this.#enter(options);
    yield* this.#uploads.all();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#clock?.stop();
    this.#removeUntil(Number.POSITIVE_INFINITY);
  }

  #enter(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    this.#clock?.check();
  }

  /** Takes in a whole body against the budget and hands it over; gives the bytes back if either fails. */
  async #take<T>(body: Body, { signal }: CallOptions, keep: (bytes: Buffer) => T): Promise<T> {
    const pieces: Uint8Array[] = [];
    let reservedBytes = 0;
    try {
      for await (const piece of abortable(body.open(), signal)) {
        this.#budget.reserve(piece.length);
        reservedBytes += piece.length;
        pieces.push(piece);
      }
      this.#enter({ signal });
      return keep(Buffer.concat(pieces));
    } catch (error) {
      this.#budget.release(reservedBytes);
      throw error;
    }
  }

  #publish(key: Key, bytes: Buffer, reservedBytes: number, body: Body, options: WriteOptions): ObjectStat {
    const description = descriptionOf(options);
    const object = { bytes, reservedBytes, checksum: body.checksum(), description };
    const stored = this.#objects.publish(key, object, options, this.#now());
    this.#clock?.start();
    return this.#objects.statOf(key, stored);
  }

  #listed(key: Key): ListedObject {
    const { bytes, writtenAt } = this.#objects.get(key);
    return { key, size: bytes.length, lastModified: new Date(writtenAt) };
  }

  #removeUntil(time: number): number | undefined {
    const next = [this.#objects.removeUntil(time), this.#uploads.removeUntil(time)];
    const known = next.filter((each) => each !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }
}
