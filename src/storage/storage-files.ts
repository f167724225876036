import { checkEtag, checkKeys, checkOptions, checkRange } from "./arguments.js";
import { requireCapability, toConditions } from "./capability.js";
import type { ContentBody, ContentRules } from "./content/body.js";
import { type Content, discardAfterError, toBody } from "./content/content.js";
import { checkDescription, type GivenDescription, sniffedType } from "./content/description.js";
import { FileBody, readAll } from "./content/file-body.js";
import { limitOfPolicy, smallerLimit, tooLarge } from "./content/size-check.js";
import { verify } from "./content/verified-reader.js";
import { unlessAborted } from "./contract/abortable.js";
import type {
  Capabilities,
  CopyOptions,
  LazyUrl,
  SignOptions,
  StorageBackend,
  WriteOptions,
} from "./contract/backend.js";
import { type BodyErrorFacts, bodyErrorChannel, watchedBody } from "./contract/channels.js";
import { type StorageOperation, UnsupportedOperationError } from "./contract/error.js";
import { groupsOf, inParallel, signedAtOnce } from "./contract/in-parallel.js";
import { type Key, parseKey, parsePrefix } from "./contract/key.js";
import { attempt, enter, failureOf, type MadeCall, told, toStorageError } from "./failure.js";
import { type ForeignContent, type ForeignSource, openForeign } from "./import/foreign-content.js";
import { type KeyPage, listFiles, listKeys, pages } from "./listing.js";
import { type Ends, moveObject, toEnds } from "./move.js";
import { MultipartUpload } from "./multipart-upload.js";
import type { OperationObservers } from "./operation-observers.js";
import { checkOptionNames } from "./option-names.js";
import type {
  CompleteOptions,
  CopyMoveOptions,
  DeleteFailure,
  DeleteOptions,
  DescribeOptions,
  FileDetails,
  FilePage,
  ImportOptions,
  ListAllOptions,
  ListedFile,
  ListKeysOptions,
  ListPageOptions,
  OnePage,
  OpenedFile,
  OpenOptions,
  PrepareOptions,
  PutOptions,
  SignalOption,
  StorageOptions,
  StoredFile,
  UploadUrlOptions,
  UrlOptions,
} from "./options.js";
import { copyChecked } from "./policy/copy-checked.js";
import type { PolicyOptions } from "./policy/index.js";
import { Policy } from "./policy/policy.js";
import { isServedWith } from "./policy/served-policy.js";
import { tieUploadId, untieUploadId } from "./upload-id.js";
import { abortUpload, completeUpload } from "./uploads/complete.js";
import { beginParts, handleOf } from "./uploads/in-parts.js";
import { type PreparedUpload, prepareUpload } from "./uploads/prepare.js";
import type { UploadPlace } from "./uploads/upload-place.js";
import { plainSignOptions, toReadUrlOptions, toUploadUrlOptions } from "./url-options.js";
import { WrittenFile } from "./written-file.js";

/** Most keys that a backend is asked to remove at once. */
const maxRemovals = 1000;

/** Most bytes of an import whose caller names no limit. */
const importBytes = 104_857_600;

/** What the files of a storage are reached with; {@link Storage} and {@link TenantStorage} make one. */
export interface FilesAccess<C extends Capabilities> {
  readonly backend: StorageBackend<C>;
  readonly options: StorageOptions;
  /** What the keys begin with at the backend of the whole storage: empty, or `acme/`. */
  readonly scope: string;
  readonly observers: OperationObservers;
}

let readObservers: (files: StorageFiles) => OperationObservers;

/** What is told of every call. Storages that were derived from one another share it, and no tenant's handle has it. */
export function observersOf(files: StorageFiles): OperationObservers {
  return readObservers(files);
}

/**
 * The files of a storage, or of one tenant of it: all that an application does with them.
 *
 * Every method rejects with a {@link StorageError} and nothing else. A call that needs a capability which the
 * backend's type denies does not compile; where the type does not say, it is refused before any byte moves.
 */
export abstract class StorageFiles<C extends Capabilities = Capabilities> {
  readonly #backend: StorageBackend<C>;
  readonly #options: StorageOptions;
  readonly #scope: string;
  readonly #observers: OperationObservers;

  static {
    readObservers = (files) => files.#observers;
  }

  protected constructor({ backend, options, scope, observers }: FilesAccess<C>) {
    this.#backend = backend;
    this.#options = options;
    this.#scope = scope;
    this.#observers = observers;
  }

  /**
   * What the service can do; docs/capabilities.md has all of them.
   *
   * @example
   * const url = storage.capabilities.signGet ? await storage.getUrl("a.txt") : undefined;
   */
  get capabilities(): C {
    return this.#backend.capabilities;
  }

  /**
   * Stores content under a key: all of it or nothing, replacing the object that was there.
   *
   * @param content - text, bytes, `Blob`, `File`, a web or Node stream, or an async iterable of bytes.
   * @returns the stored object with a signed `url` for one hour, `undefined` where nothing serves URLs.
   * @throws TooLargeError, QuotaExceededError, ChecksumMismatchError, SourceFailedError; PreconditionFailedError for
   * `ifAbsent` and `ifMatch`; InvalidArgumentError for an option that `put` does not have.
   *
   * @example
   * const stored = await storage.put("avatars/7.png", bytes, { filename: "me.png", ifAbsent: true });
   * console.log(stored.url, stored.etag);
   */
  put(key: string, content: Content, options: PutOptions<C> = {}): Promise<StoredFile> {
    const call = this.#call("put", key, options);
    return told(call, () => this.#put(call, key, content, options));
  }

  async #put(call: MadeCall, key: string, content: Content, options: PutOptions<C>): Promise<StoredFile> {
    let body: ContentBody | undefined;
    try {
      checkOptions(options);
      checkOptionNames("put", options);
      body = toBody(content, this.#rules(key, options));
      body.admit();
      enter(options);
      const parsed = parseKey(key);
      const { ifAbsent, ifMatch } = toConditions(this.#backend, options);
      const given = checkDescription(options, content);
      const { signal } = options;
      const contentType = await this.#typeOf(body, parsed, given, options);
      const lazyUrl = await this.#urlOf(parsed);
      const writing: WriteOptions = {
        contentType,
        filename: given.filename,
        metadata: given.metadata,
        cacheControl: given.cacheControl,
        contentEncoding: given.contentEncoding,
        contentDisposition: given.contentDisposition,
        contentLanguage: given.contentLanguage,
        ifAbsent,
        ifMatch,
        signal,
        onProgress: undefined,
      };
      return new WrittenFile(await this.#backend.write(parsed, body, writing), lazyUrl);
    } catch (error) {
      throw await discardAfterError(body, error, call);
    }
  }

  /**
   * Fetches a file from an address that a user chose, and stores it as {@link put} does. Public addresses only, `https:`,
   * three redirects at most, each checked like the first URL; see docs/guide/outbound.md. Its type is the one that the
   * address states, unless the caller or a policy knows better.
   *
   * @param options - `maxBytes` is what the storage takes by default, at most 100 MiB.
   * @throws InvalidArgumentError for a URL or address that may not be dialled, SourceFailedError when there is no content,
   * and everything that `put` throws.
   *
   * @example
   * await storage.putFromUrl("avatars/7.png", "https://example.com/me.png", { maxBytes: 1_000_000 });
   */
  async putFromUrl(key: string, url: string | URL, options: ImportOptions<C> = {}): Promise<StoredFile> {
    const { timeoutMs, allowHttp, ports, allowPrivateAddresses, ...rest } = Object(options) as typeof options;
    const { maxBytes = Math.min(importBytes, this.#limit()), signal } = rest;
    const source = { url, timeoutMs, allowHttp, ports, allowPrivateAddresses, maxBytes, signal };
    const call = this.#call("put", key, options);
    return told(call, async () => {
      const { body, contentType, close } = await this.#fetch(source, key, options).catch((error: unknown) => {
        throw failureOf(error, call);
      });
      const given = { ...rest, contentType: rest.contentType ?? contentType, maxBytes };
      return this.#put(call, key, body, given).finally(close);
    });
  }

  async #fetch(source: ForeignSource, key: string, options: ImportOptions<C>): Promise<ForeignContent> {
    enter(options);
    checkOptionNames("putFromUrl", options);
    parseKey(key);
    return openForeign(source);
  }

  /**
   * The whole content, in memory, checked against its checksum. {@link open} streams it.
   *
   * @throws FileNotFoundError when there is no object, CorruptObjectError when its bytes are damaged.
   *
   * @example
   * const text = new TextDecoder().decode(await storage.get("notes/1.txt"));
   */
  get(key: string, options: SignalOption = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run("get", key, options, async () => {
      const whole = { range: undefined, ifMatch: undefined, signal: options.signal };
      const opened = await this.#backend.read(parseKey(key), whole);
      return opened.bytes === undefined ? readAll(opened) : verify(opened, opened.bytes);
    });
  }

  /**
   * Details and a stream of the content or a range of it. The caller must read or close the body; one that is not
   * read for a minute is closed.
   *
   * @throws FileNotFoundError, InvalidRangeError, and PreconditionFailedError for `ifMatch`.
   *
   * @example
   * const { size, body } = await storage.open("video.mp4", { range: { start: 0, end: 1023 } });
   * for await (const piece of body) console.log(piece.byteLength, "of", size);
   */
  open(key: string, options: OpenOptions = {}): Promise<OpenedFile> {
    return this.#run("open", key, options, () => this.#open("open", parseKey(key), options));
  }

  /**
   * Whether there is an object. Another caller may change that at once: `put` with `ifAbsent` decides and writes in
   * one step.
   *
   * @throws StorageError for every failure but `not_found`.
   *
   * @example
   * if (await storage.exists("avatars/7.png")) console.log("there is one");
   */
  exists(key: string, options: SignalOption = {}): Promise<boolean> {
    return this.#run("exists", key, options, async () => {
      const parsed = parseKey(key);
      try {
        await this.#backend.stat(parsed, { signal: options.signal });
        return true;
      } catch (error) {
        if (this.#backend.classify(error).code === "not_found") return false;
        throw error;
      }
    });
  }

  /**
   * Size in bytes, content type, ETag, last modification, file name, HTTP fields and the user's metadata.
   *
   * @throws FileNotFoundError when there is no object.
   *
   * @example
   * const { size, contentType, metadata } = await storage.getMetadata("avatars/7.png");
   */
  getMetadata(key: string, options: SignalOption = {}): Promise<FileDetails> {
    return this.#run("getMetadata", key, options, () =>
      this.#backend.stat(parseKey(key), { signal: options.signal }),
    );
  }

  /**
   * Deletes an object. `true` if there was one, `false` if there was none; while others change it too, that is exact
   * only with the capability `exactDelete`.
   *
   * @throws PreconditionFailedError when `ifMatch` is given and the object is another version.
   *
   * @example
   * const { etag } = await storage.getMetadata("avatars/7.png");
   * await storage.delete("avatars/7.png", { ifMatch: etag });
   */
  delete(key: string, options: DeleteOptions<C> = {}): Promise<boolean> {
    return this.#run("delete", key, options, async () => {
      const parsed = parseKey(key);
      const ifMatch = checkEtag(options.ifMatch);
      if (ifMatch !== undefined) requireCapability(this.#backend, "conditionalRemove");
      return this.#backend.remove(parsed, { ifMatch, signal: options.signal });
    });
  }

  /**
   * Deletes every key that can be deleted and answers those that failed; missing ones count as deleted. Any number of
   * keys.
   *
   * @throws InvalidKeyError for an invalid key; then nothing is deleted.
   *
   * @example
   * for (const { key, error } of await storage.deleteMany(["a.txt", "b.txt"])) console.error(key, error.code);
   */
  deleteMany(keys: readonly string[], options: SignalOption = {}): Promise<readonly DeleteFailure[]> {
    return this.#run("deleteMany", undefined, options, async () => {
      const { signal } = options;
      const removals = await inParallel(groupsOf(checkKeys(keys), maxRemovals), 1, (group) =>
        this.#backend.removeMany(group, { signal }),
      );
      const call = { backend: this.#backend, operation: "deleteMany", signal } as const;
      return removals
        .flat()
        .map(({ key, error }) => ({ key, error: toStorageError(error, { ...call, key }) }));
    });
  }

  /**
   * Deletes everything below a path: `t/1` means `t/1/…`, never `t/10`.
   *
   * @returns how many objects were deleted.
   * @throws the first failure of a key, after all pages were tried; that of a request that failed as a whole at once.
   * InvalidKeyError for an empty path.
   *
   * @example
   * const deleted = await storage.deletePrefix("drafts/7");
   */
  deletePrefix(path: string, options: SignalOption = {}): Promise<number> {
    return this.#run("deletePrefix", path, options, async () => {
      const folder = `${parseKey(parsePrefix(path).replace(/\/$/, ""))}/`;
      let deleted = 0;
      let firstFailure: DeleteFailure | undefined;
      for await (const { items } of this.#keyPages({ prefix: folder, signal: options.signal })) {
        const failures = await this.deleteMany(items, options);
        deleted += items.length - failures.length;
        firstFailure ??= failures[0];
      }
      if (firstFailure !== undefined) throw firstFailure.error;
      return deleted;
    });
  }

  /**
   * Copies an object with its description; the bytes stay with the provider where it can copy.
   *
   * @throws FileNotFoundError when there is no source; PreconditionFailedError for `ifAbsent`, `ifMatch` (of the
   * target) and `sourceIfMatch`.
   *
   * @example
   * await storage.copy("drafts/7.txt", "published/7.txt", { ifAbsent: true });
   */
  copy(from: string, to: string, options: CopyMoveOptions<C> = {}): Promise<StoredFile> {
    return this.#run("copy", from, options, async () => this.#copy(toEnds(from, to), options));
  }

  /**
   * Copies, then deletes the source. Not atomic: if the deletion fails both are there.
   *
   * Only the version that was copied is deleted: content that is put under the source's key meanwhile stays there.
   * Where the backend lacks `conditionalRemove`, the source is looked at right before it is deleted, and a put that
   * falls between the two is lost.
   *
   * @throws StorageError as {@link copy}.
   *
   * @example
   * await storage.move("staged/7.png", "avatars/7.png");
   */
  move(from: string, to: string, options: CopyMoveOptions<C> = {}): Promise<StoredFile> {
    return this.#run("move", from, options, async () => {
      const ends = toEnds(from, to);
      const copy = (sourceIfMatch: string) => this.#copy(ends, { ...options, sourceIfMatch });
      return moveObject(this.#backend, ends.source, options, copy);
    });
  }

  /**
   * A URL that reads this object until it expires, as it is or transformed; with `public` its permanent one. Does not
   * look whether the object exists. docs/guide/urls.md has more.
   *
   * @throws UnsupportedOperationError where nothing serves URLs or cannot do what an option says;
   * InvalidArgumentError for times out of range, and with `public` for a key that is not public.
   *
   * @example
   * const url = await storage.getUrl("invoices/7.pdf", { expiresIn: 300, download: true, filename: "Invoice 7.pdf" });
   */
  getUrl(
    this: C["signGet"] extends false ? never : this,
    key: string,
    options: UrlOptions<C> = {},
  ): Promise<string> {
    return this.#run("getUrl", key, {}, async () => {
      const signing = this.#readUrl(options);
      return (await this.#backend.sign(parseKey(key), signing))();
    });
  }

  /**
   * The URLs of many objects, in the order of their keys: for lists and galleries. Each is as {@link getUrl} makes it.
   *
   * @throws StorageError as {@link getUrl}, for the first key at fault; then there is no URL at all.
   *
   * @example
   * const urls = await storage.getUrls(["a.png", "b.png"], { expiresIn: 600, stableFor: 3600 });
   */
  getUrls(
    this: C["signGet"] extends false ? never : this,
    keys: readonly string[],
    options: UrlOptions<C> = {},
  ): Promise<readonly string[]> {
    return this.#run("getUrls", undefined, {}, async () => {
      const signing = this.#readUrl(options);
      return inParallel(checkKeys(keys), signedAtOnce, async (key) =>
        (await this.#backend.sign(key, signing))(),
      );
    });
  }

  /**
   * A URL to which a client may PUT this object's content until it expires. The request must have the content type
   * that was signed, and with `size` that `Content-Length`. Of a type that a browser could run (HTML, SVG and all but plain text and
   * common media) it must also have `Content-Disposition: attachment`: a provider shows what it keeps on its own origin.
   *
   * Without `size` the provider alone bounds what comes; {@link prepareUpload} is the bounded way.
   *
   * @throws UnsupportedOperationError without the capability `signPut`, or `signSize` for `size`; TooLargeError for a `size`
   * that the storage does not take.
   *
   * @example
   * const url = await storage.getUploadUrl("avatars/7.png", { contentType: "image/png", expiresIn: 600 });
   */
  getUploadUrl(
    this: C["signPut"] extends false ? never : this,
    key: string,
    options: UploadUrlOptions,
  ): Promise<string> {
    return this.#run("getUploadUrl", key, {}, async () => {
      requireCapability(this.#backend, "signPut");
      await this.#refuseDirect(key);
      if (options?.size !== undefined) requireCapability(this.#backend, "signSize");
      const parsed = parseKey(key);
      const signing = toUploadUrlOptions(options);
      const limit = smallerLimit(this.#limit(), this.#policy().maxBytesOf(this.#scope + parsed));
      if (signing.size !== undefined && signing.size > limit.maxBytes) throw tooLarge(limit);
      return (await this.#backend.sign(parsed, signing))();
    });
  }

  /**
   * One page of keys that begin with a prefix (a plain string), in byte order: 100 unless `limit` says otherwise,
   * 1,000 at most. It does not say whether there are more: {@link listAllKeys} answers every key.
   *
   * @throws InvalidArgumentError for a `limit` out of range, InvalidKeyError for a prefix that no key can begin with.
   *
   * @example
   * const newest = await storage.listKeys({ prefix: "avatars/", limit: 10 });
   */
  async listKeys(options: ListKeysOptions = {}): Promise<OnePage<string>> {
    return (await this.#listKeys(options)).items;
  }

  /**
   * One page of objects with size and date, in byte order of their keys: 100 unless `limit` says otherwise. The
   * `cursor` of a page gives the next one; with `delimiter` deeper keys are rolled up into `prefixes`.
   *
   * @throws InvalidArgumentError for a `limit` out of range, or a cursor of another listing.
   *
   * @example
   * const first = await storage.list({ prefix: "photos/", delimiter: "/" });
   * const next = await storage.list({ prefix: "photos/", delimiter: "/", cursor: first.cursor });
   */
  list(options: ListPageOptions = {}): Promise<FilePage> {
    return this.#run("list", options?.prefix, options, () => listFiles(this.#backend, options));
  }

  /**
   * Every object with a prefix, with size and date, page by page.
   *
   * @throws StorageError while it is iterated.
   *
   * @example
   * for await (const { key, size } of storage.listAll({ prefix: "photos/" })) console.log(key, size);
   */
  async *listAll(options: ListAllOptions = {}): AsyncGenerator<ListedFile> {
    checkOptionNames("listAll", options);
    const pageAt = (cursor: string | undefined) => this.list({ ...options, limit: 1000, cursor });
    for await (const { items } of pages(pageAt)) yield* items;
  }

  /**
   * Every key with a prefix, page by page; faster than {@link listAll} where size and date cost extra.
   *
   * @throws StorageError while it is iterated.
   *
   * @example
   * for await (const key of storage.listAllKeys({ prefix: "photos/" })) console.log(key);
   */
  async *listAllKeys(options: ListAllOptions = {}): AsyncGenerator<string> {
    checkOptionNames("listAllKeys", options);
    for await (const { items } of this.#keyPages(options)) yield* items;
  }

  /**
   * Prepares an upload that a client sends straight to the provider, or to the file route: what to send, and where. Nothing
   * of it can be seen before {@link completeUpload} has checked it by the whole policy.
   *
   * @throws UnsupportedOperationError where neither the provider nor a file route takes uploads; TooLargeError,
   * UnsupportedTypeError and InvalidArgumentError for what no content could make right.
   *
   * @example
   * const upload = await storage.prepareUpload("avatars/7.png", { size: 5000, contentType: "image/png" });
   * // The client sends the content as `upload` says, and then asks for:
   * await storage.completeUpload(upload.id);
   */
  prepareUpload(key: string, options: PrepareOptions<C>): Promise<PreparedUpload> {
    return this.#run("prepareUpload", key, options, () =>
      prepareUpload(this.#place(), parseKey(key), options),
    );
  }

  /**
   * Checks what a client sent after {@link prepareUpload}, and publishes exactly that. Idempotent. What is refused leaves
   * nothing; while a scanner is away, it can be completed later.
   *
   * @param id - as `prepareUpload` gave it; one of another tenant is not found.
   * @throws FileNotFoundError when there is no such upload, its time is over, or nothing was sent; and as {@link put}.
   *
   * @example
   * const { id } = await storage.prepareUpload("a.txt", { size: 5, contentType: "text/plain" });
   * const { key, url } = await storage.completeUpload(id);
   */
  completeUpload(id: string, options: CompleteOptions = {}): Promise<StoredFile> {
    return this.#run("completeUpload", undefined, options, async () => {
      const stat = await completeUpload(this.#place(), id, options);
      return new WrittenFile(stat, await this.#urlOf(stat.key));
    });
  }

  /**
   * Drops an upload that {@link prepareUpload} began, with what was sent. Idempotent; one that is complete stays.
   *
   * @throws StorageError when the storage cannot be reached.
   *
   * @example
   * const { id } = await storage.prepareUpload("a.txt", { size: 5, contentType: "text/plain" });
   * await storage.abortUpload(id);
   */
  async abortUpload(id: string, options: SignalOption = {}): Promise<void> {
    await this.#run("abortUpload", undefined, options, () => abortUpload(this.#place(), id, options));
  }

  /**
   * Begins an upload in parts; nothing is visible until it is completed, and checked by the policy. One that is not completed
   * within seven days is swept.
   *
   * @throws UnsupportedOperationError without the capability `multipart`.
   *
   * @example
   * const upload = await storage.createUpload("video.mp4", { contentType: "video/mp4" });
   * await upload.writePart(1, bytes);
   * await upload.complete();
   */
  createUpload(
    this: C["multipart"] extends false ? never : this,
    key: string,
    options: DescribeOptions & SignalOption = {},
  ): Promise<MultipartUpload<C>> {
    return attempt(this.#call("multipart", key, options), async () => {
      checkOptionNames("createUpload", options);
      requireCapability(this.#backend, "multipart");
      const parsed = parseKey(key);
      const given = checkDescription(options);
      const { signal } = options;
      const contentType =
        given.contentType ?? (await sniffedType(undefined, given.filename ?? parsed, signal));
      const id = await beginParts(this.#place(), parsed, { ...given, contentType }, signal);
      return this.#upload(parsed, tieUploadId(this.#scope + parsed, id));
    });
  }

  /**
   * Resumes an upload that {@link createUpload} began, here or in another process.
   *
   * @param id - the `id` of the upload. One of another key or tenant is `not_found` when it is used.
   * @throws UnsupportedOperationError without the capability `multipart`.
   *
   * @example
   * const begun = await storage.createUpload("video.mp4");
   * const upload = storage.resumeUpload("video.mp4", begun.id);
   * const parts = await upload.listParts();
   */
  resumeUpload(
    this: C["multipart"] extends false ? never : this,
    key: string,
    id: string,
  ): MultipartUpload<C> {
    requireCapability(this.#backend, "multipart");
    return this.#upload(parseKey(key), id);
  }

  /**
   * Reaches the backend once, as at start and for health.
   *
   * @throws StorageError when it cannot be reached, or refuses.
   *
   * @example
   * await storage.check({ signal: AbortSignal.timeout(2000) });
   */
  async check(options: SignalOption = {}): Promise<void> {
    await this.#run("check", undefined, options, () =>
      listKeys(this.#backend, { limit: 1, signal: options.signal }),
    );
  }

  #run<T>(
    operation: Exclude<StorageOperation, "multipart">,
    key: string | undefined,
    options: SignalOption,
    work: () => Promise<T>,
  ): Promise<T> {
    return attempt(this.#call(operation, key, options), () => {
      checkOptionNames(operation, options);
      return work();
    });
  }

  #call(operation: StorageOperation, key: string | undefined, options: SignalOption): MadeCall {
    const given = typeof key === "string" ? key : undefined;
    return { backend: this.#backend, operation, key: given, options, observers: this.#observers };
  }

  async #open(operation: StorageOperation, key: Key, options: OpenOptions): Promise<OpenedFile> {
    const opened = await this.#backend.read(key, {
      range: options.range === undefined ? undefined : checkRange(options.range),
      ifMatch: checkEtag(options.ifMatch),
      signal: options.signal,
    });
    const { type } = this.#backend;
    const call = { backend: this.#backend, operation, key, signal: options.signal };
    const wrap = (cause: unknown) => {
      const error = toStorageError(cause, call);
      bodyErrorChannel.publish({ backend: type, error } satisfies BodyErrorFacts);
      return error;
    };
    return {
      ...opened.stat,
      start: opened.start,
      end: opened.end,
      body: new FileBody(watchedBody(opened, type), wrap),
    };
  }

  async #copy(ends: Ends, options: CopyMoveOptions<C>): Promise<StoredFile> {
    const conditions = toConditions(this.#backend, options);
    const sourceIfMatch = checkEtag(options.sourceIfMatch);
    const lazyUrl = await this.#urlOf(ends.target);
    const isChecked = this.#policy().isStrict;
    const copying = { ...conditions, sourceIfMatch, signal: options.signal };
    const stat = isChecked
      ? await this.#copyChecked(ends, copying)
      : await this.#backend.copy(ends.source, ends.target, copying);
    return new WrittenFile(stat, lazyUrl);
  }

  /** Content written by another program has not been checked yet. */
  #copyChecked({ source, target }: Ends, { sourceIfMatch, signal, ...conditions }: CopyOptions) {
    const name = this.#scope + target;
    const policy = this.#policy();
    return copyChecked(this.#backend, {
      from: source,
      to: target,
      sourceIfMatch,
      name,
      limit: limitOfPolicy(policy.maxBytesOf(name)),
      checks: () => policy.checksOf(name),
      conditions,
      signal,
    });
  }

  #listKeys(options: ListPageOptions): Promise<KeyPage> {
    return this.#run("listKeys", options?.prefix, options, () => listKeys(this.#backend, options));
  }

  #keyPages(options: ListAllOptions): AsyncGenerator<KeyPage> {
    return pages((cursor) => this.#listKeys({ ...options, limit: 1000, cursor }));
  }

  #upload(key: Key, id: string): MultipartUpload<C> {
    const handle = handleOf(this.#place(), key, untieUploadId(this.#scope + key, id));
    return new MultipartUpload(this.#backend, { key, id, ...handle }, this.#observers);
  }

  #rules(key: string, { size, checksum, digests, maxBytes, policy }: PutOptions<C>): ContentRules {
    const limit = smallerLimit(this.#limit(maxBytes), this.#policy(policy).maxBytesOf(this.#scope + key));
    return { size, checksum, digests, ...limit };
  }

  #place(): UploadPlace {
    return {
      backend: this.#backend,
      scope: this.#scope,
      maxBytes: this.#limit(),
      rules: [this.#options.policy ?? []].flat(),
      policyOf: (further) => this.#policy(further),
    };
  }

  #policy(further?: PolicyOptions | readonly PolicyOptions[]): Policy {
    return Policy.of(this.#options.policy, further);
  }

  /** Begins the checks of the policy, which know the type best; else the caller does, else the content itself. */
  async #typeOf(
    body: ContentBody,
    key: Key,
    given: GivenDescription,
    { signal, policy }: PutOptions<C>,
  ): Promise<string> {
    const { contentType, filename, metadata } = given;
    const name = this.#scope + key;
    const checks = this.#policy(policy).checksOf(name);
    if (checks.length === 0) return contentType ?? sniffedType(body, filename ?? key, signal);
    const decided = body.begin(checks, { key: name, contentType, filename, metadata, size: body.size });
    const checked = decided instanceof Promise ? await unlessAborted(() => decided, signal) : decided;
    return checked ?? sniffedType(body, filename ?? key, signal);
  }

  /** A value that is not a number becomes NaN and is refused later. */
  #limit(maxBytes = this.#options.maxBytes ?? Number.POSITIVE_INFINITY): number {
    return typeof maxBytes === "number" ? Math.min(maxBytes, this.capabilities.maxBytes) : Number.NaN;
  }

  /** What goes straight to the provider passes no check; the file route of the service checks by the rules of its own storage. */
  async #refuseDirect(key: string): Promise<void> {
    const { policy } = this.#options;
    if (!this.#policy().isStrict || typeof key !== "string") return;
    const signer = await this.#backend.signer();
    if (signer !== undefined && isServedWith(signer, policy)) return;
    throw new UnsupportedOperationError({
      message: `a URL for an upload to ${this.#backend.name} would go around the policy, which no file route of this process checks; prepareUpload and completeUpload check what comes by one`,
    });
  }

  /** Refuses what the backend cannot sign, and completes the rest. */
  #readUrl(options: UrlOptions<C>): SignOptions {
    if (options?.public === true) requireCapability(this.#backend, "publicUrls");
    else requireCapability(this.#backend, "signGet");
    if (options?.transform !== undefined) requireCapability(this.#backend, "transform");
    return toReadUrlOptions(options);
  }

  /** Asked for before a write, so that a signer that fails leaves nothing stored. */
  #urlOf(key: Key): LazyUrl | Promise<LazyUrl> | undefined {
    return this.capabilities.signGet ? this.#backend.sign(key, plainSignOptions()) : undefined;
  }
}
