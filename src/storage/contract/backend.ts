import type { Checksum } from "./checksum.js";
import type { DirectRequest } from "./direct-request.js";
import type { StorageErrorCode } from "./error.js";
import type { Key, Prefix } from "./key.js";
import type { Metadata } from "./metadata.js";
import type { SignOptions, UrlSigner } from "./signed-url.js";

export type { DirectRequest, SignOptions };

/** Content in pieces. Every Node `Readable` is one. A piece belongs to its receiver. */
export type Bytes = AsyncIterable<Uint8Array>;

/** Content that is to be written. */
export interface Body {
  /** Bytes in all, when that is known before the first one is read. */
  readonly size: number | undefined;
  /** The whole content, when it is in memory already; a backend that keeps it must copy it. */
  readonly bytes: Uint8Array | undefined;
  /** Whether {@link open} may be called again from the start, as a retry does. */
  readonly replayable: boolean;
  /** The checksum that the caller says it has, known before the first byte: {@link open} throws when it has another. */
  readonly expected?: Checksum | undefined;
  /**
   * Yields the content, never an empty piece. It throws when the content breaks a rule (too large, wrong
   * checksum, source failed), always before its last piece: the writer must undo what it wrote so far.
   */
  open(): Bytes;
  /** The crc32 of what {@link open} yielded last; call it after that iteration has ended. */
  checksum(): Checksum;
  /** The reader says while {@link open} yields that it will not call {@link checksum}, which saves the rest of its work. */
  forgoChecksum?(): void;
}

/** HTTP fields of the content, kept and told as they were given (RFC 9110 §8.4 and §8.5, RFC 9111 §5.2, RFC 6266). */
export interface ContentFields {
  /** How long caches may keep the content: `public, max-age=3600`. */
  readonly cacheControl?: string | undefined;
  /** How the stored bytes are encoded: `gzip`. The bytes are kept and given as they are. */
  readonly contentEncoding?: string | undefined;
  /**
   * How the content is presented: `attachment`. Without it the file name decides. A type that browsers may run is always
   * served as `attachment`, and S3, Google Cloud Storage and Azure keep it as such.
   */
  readonly contentDisposition?: string | undefined;
  /** Languages of the intended readers (RFC 9110 §8.5): `de, en`. */
  readonly contentLanguage?: string | undefined;
}

/** What is kept beside the bytes. `descriptionOf` takes it out of any object that holds one. */
export interface ObjectDescription extends ContentFields {
  /** Media type. */
  readonly contentType: string;
  /** The name the file had where it came from, in any script. */
  readonly filename: string | undefined;
  /** The user's own pairs, and nothing else. */
  readonly metadata: Metadata;
}

/** What a stored object is, without its bytes. */
export interface ObjectStat extends ObjectDescription {
  readonly key: Key;
  /** Bytes. */
  readonly size: number;
  /** Strong validator without quotes: another one after every write (RFC 9110 §8.8.3). */
  readonly etag: string;
  /** When it was written last. */
  readonly lastModified: Date;
  /** Checksum of the whole content, where the backend knows one. */
  readonly checksum: Checksum | undefined;
}

/** Part of an object in bytes: from `start` through `end` (the last one if absent), or the last `suffix` bytes. */
export type ByteRange =
  | { readonly start: number; readonly end: number | undefined }
  | { readonly suffix: number };

/** Options of every call. `signal` aborts it: the call rejects and leaves nothing behind. */
export interface CallOptions {
  /**
   * Aborts the call, and a read until its `body` has ended or was closed. It must be looked at until then, and not after
   * that: it may serve another call.
   */
  readonly signal: AbortSignal | undefined;
  /** Call it when bytes moved: a call that is silent for too long is taken for dead. */
  readonly onProgress?: (() => void) | undefined;
}

/** How an object is read. */
export interface ReadOptions extends CallOptions {
  /** Clamped to the object; one that starts behind its end is `invalid_range`. */
  readonly range: ByteRange | undefined;
  /** Read only this version; another one is `precondition_failed`. */
  readonly ifMatch: string | undefined;
}

/** An opened object: one version of it, although the key may be written or removed meanwhile. */
export interface OpenedObject {
  readonly stat: ObjectStat;
  /** First byte and the one behind the last byte of `body`; `0` and `stat.size` when all of it was asked for. */
  readonly start: number;
  readonly end: number;
  /** All of `body` at once, when it is in memory and nothing is held; it belongs to the receiver. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Can be iterated once. Ending the iteration early releases everything, like {@link close}. */
  readonly body: Bytes;
  /** Releases what the body holds (descriptor, socket); safe at any time and more than once. */
  close(): Promise<void>;
}

/** Only-if conditions of a write, decided atomically with its publication. */
export interface WriteConditions {
  /** Write only where there is no object; otherwise `precondition_failed`. */
  readonly ifAbsent: boolean;
  /** Write only over this version; otherwise `precondition_failed`. */
  readonly ifMatch: string | undefined;
}

/** What is kept beside the bytes, and the conditions of the write. */
export interface WriteOptions extends CallOptions, WriteConditions, ObjectDescription {}

/** Options of a copy. The conditions of {@link WriteConditions} are those of its target. */
export interface CopyOptions extends CallOptions, WriteConditions {
  /** Copy only this version of the source; another one is `precondition_failed` and nothing is written. */
  readonly sourceIfMatch: string | undefined;
  /** What the copy is described by, instead of what the source is. */
  readonly description?: ObjectDescription | undefined;
}

/** How an object is removed. */
export interface RemoveOptions extends CallOptions {
  /**
   * Remove only this version, decided atomically with the removal; another one is `precondition_failed`, and no object
   * at all is `false`. Given only where `capabilities` has `conditionalRemove`.
   */
  readonly ifMatch: string | undefined;
}

/** Which page of a listing is asked for. */
export interface ListOptions extends CallOptions {
  /** A plain start of keys. */
  readonly prefix: Prefix;
  /** With `/`, keys that hold it behind the prefix are rolled up into `prefixes`. */
  readonly delimiter: "/" | undefined;
  /** `cursor` of the page before; one that this backend did not make is `invalid_argument`. */
  readonly cursor: string | undefined;
  /** 1 to 1,000; counts items and prefixes together. */
  readonly limit: number;
  /** `false`: keys are all that is asked for, and what size and date would cost extra may be saved. */
  readonly details: boolean;
}

/** `size` (bytes) and `lastModified` are there whenever {@link ListOptions.details} asks for them. */
export interface ListedObject {
  readonly key: Key;
  readonly size: number | undefined;
  readonly lastModified: Date | undefined;
}

/** One page of a listing, in the order of the keys' bytes. */
export interface ListPage {
  readonly items: readonly ListedObject[];
  /** Rolled-up starts of keys, each ending in the delimiter. */
  readonly prefixes: readonly string[];
  /** Where the next page begins; `undefined` on the last one. */
  readonly cursor: string | undefined;
  /** Names that other tools made on this page and that are no keys; left out where the backend does not tell them. */
  readonly passedOver?: readonly string[];
}

/** A part of a multipart upload that has been written; give it back unchanged to complete the upload. */
export interface UploadedPart {
  /** 1 to 10,000. */
  readonly number: number;
  readonly etag: string;
  readonly size: number;
}

/** An upload in parts that is under way. */
export interface UnfinishedUpload {
  readonly key: Key;
  /** As {@link StorageBackend.abortUpload} takes it. */
  readonly uploadId: string;
  readonly begunAt: Date;
}

/** How uploads that are under way are asked for. */
export interface UnfinishedOptions extends CallOptions {
  /** Only list, and remove nothing. Default: false. */
  readonly dryRun?: boolean | undefined;
}

export interface RemoveFailure {
  readonly key: Key;
  /** Raw, for {@link StorageBackend.classify}. */
  readonly error: unknown;
}

/**
 * What a service can do. A call that needs what is `false` here does not compile when the type is known,
 * and is refused before any byte moves when it is not.
 */
export interface Capabilities {
  /** Signed URLs that read. */
  readonly signGet: boolean;
  /** Signed URLs that write straight to the provider. */
  readonly signPut: boolean;
  /** Whether such a URL can say how many bytes must be written. */
  readonly signSize: boolean;
  /** Create-if-absent that exactly one of many writers wins. */
  readonly ifAbsent: boolean;
  /** Compare-and-swap by ETag. */
  readonly ifMatch: boolean;
  readonly multipart: boolean;
  /** Whether `ifAbsent` and `ifMatch` hold of {@link StorageBackend.completeUpload} too. */
  readonly conditionalComplete: boolean;
  /** Whether {@link StorageBackend.remove} tells exactly one of many at once that there was an object. */
  readonly exactDelete: boolean;
  /** Whether {@link StorageBackend.remove} takes `ifMatch`: a removal of one version and of no other. */
  readonly conditionalRemove: boolean;
  /** Signed URLs of an image or video made anew: another size, format or quality. */
  readonly transform: boolean;
  /** Permanent URLs of public objects; the layer `publicFiles` adds it, no backend has it of its own. */
  readonly publicUrls?: boolean;
  /** Requests that clients send straight to the service: for a whole object, or also for each part of one. */
  readonly direct?: "whole" | "parts" | undefined;
  /**
   * Whether {@link StorageBackend.copy} decides `sourceIfMatch` in one step with the copy: it is of that version and of no
   * other, however the source is written meanwhile. Where it is left out, content that must be checked is copied through this process.
   */
  readonly conditionalCopySource?: boolean;
  /** Largest object, in bytes. */
  readonly maxBytes: number;
  /** Smallest part of a multipart upload but for the last, in bytes. */
  readonly minPartBytes: number;
  /** Most bytes of plain metadata, names and values, of an object; the 2,048 of the storage where it is left out. */
  readonly maxMetadataBytes?: number;
}

/** What a client is to send straight to the service. */
export interface DirectOptions extends ObjectDescription, CallOptions {
  /** Bytes of the whole, or of the part; the service refuses any other number where it can. */
  readonly size: number;
  /** The checksum of the content; the service checks it where it can. */
  readonly checksum: Checksum | undefined;
  /** From then on the service takes nothing more; whole seconds count. */
  readonly expiresAt: Date;
  /** One part of an upload that {@link StorageBackend.createUpload} began; `undefined` for the whole content. */
  readonly part: { readonly uploadId: string; readonly number: number } | undefined;
}

/** What kind of failure a raw error is. */
export interface Failure {
  readonly code: StorageErrorCode;
  /** For people, where the code alone would not do (`a` stands in the way of `a/b`); no secrets, no full paths. */
  readonly message?: string;
  readonly retryAfterMs?: number | undefined;
  /** `false`: it is certain that nothing was done, so that even a conditional write may be tried again. */
  readonly applied?: false;
}

/** Computes a signed URL, without waiting and without failing; a URL that is not read costs nothing. */
export type LazyUrl = () => string;

/**
 * One container on one service: what a provider's author writes, strict and complete.
 *
 * Keys arrive checked and options complete. Every method is required; what a service cannot do is said in
 * `capabilities`, and the method is then never called. Errors leave raw; {@link classify} says what they are.
 * Constructors do no I/O; the first call opens what is needed.
 */
export interface StorageBackend<C extends Capabilities = Capabilities> {
  /** For people and logs: `LocalBackend`. */
  readonly name: string;
  /** As in `STORAGE_BACKEND`: `local`. Also the metrics label. */
  readonly type: string;
  readonly capabilities: C;
  /** Says what kind of failure a raw error of this backend is; never throws, answers `unknown` rather than guess. */
  classify(error: unknown): Failure;
  /** A missing key is an error classified `not_found`. */
  stat(key: Key, options: CallOptions): Promise<ObjectStat>;
  /** A missing key is an error classified `not_found`, raised here and not by the body. */
  read(key: Key, options: ReadOptions): Promise<OpenedObject>;
  /**
   * All or nothing: until it resolves readers see the old object; if it rejects they always will. When its signal
   * fires and it can no longer be stopped it must resolve. Layers wait a while for that; a write that is silent for
   * longer is given up, and whether it was done is then not known.
   */
  write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat>;
  /**
   * As {@link write}, also when its signal fires, from another object with its description; the bytes stay with a
   * provider that can copy.
   */
  copy(from: Key, to: Key, options: CopyOptions): Promise<ObjectStat>;
  /** Idempotent. Resolves to whether the key was there; while others change it too, exact only with `exactDelete`. */
  remove(key: Key, options: RemoveOptions): Promise<boolean>;
  /** Removes each of at most 1,000 keys that it can, in as few calls as the service allows, and says which failed. */
  removeMany(keys: readonly Key[], options: CallOptions): Promise<readonly RemoveFailure[]>;
  list(options: ListOptions): Promise<ListPage>;
  /**
   * Called only for methods that `capabilities` names. Does not look whether the key exists. What may fail or has to
   * be waited for comes before it resolves; what only has to be computed is left to the {@link LazyUrl}, which is
   * answered at once where nothing has to be waited for.
   */
  sign(key: Key, options: SignOptions): LazyUrl | Promise<LazyUrl>;
  /** The signer whose URLs this service's own file route honours; `undefined` where the provider serves its URLs. */
  signer(): Promise<UrlSigner | undefined>;
  /**
   * The request by which a client may write one object, or one part of it, without this service in between. Called only
   * where `capabilities.direct` says so. The object need not get the whole description.
   */
  signUpload(key: Key, options: DirectOptions): Promise<DirectRequest>;
  /** Begins a multipart upload and resolves to its id, which cannot be guessed. Nothing is visible until it is complete. */
  createUpload(key: Key, description: ObjectDescription & CallOptions): Promise<string>;
  /** Writes one part; the same number again replaces it. An unknown upload is `not_found`. */
  writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart>;
  /**
   * The parts that have been written, each as it was written last, in the order of their numbers: what another
   * process that resumes the upload need not write again. An unknown upload is `not_found`.
   */
  listParts(key: Key, uploadId: string, options: CallOptions): Promise<readonly UploadedPart[]>;
  /** Publishes the parts in the order of their numbers, all or nothing, like {@link write}, also when its signal fires. */
  completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat>;
  /** Drops an upload and its parts; idempotent. */
  abortUpload(key: Key, uploadId: string, options: CallOptions): Promise<void>;
  /**
   * Uploads in parts that are under way, as the service lists them, including those that were started elsewhere. Unless
   * `dryRun` is true, the call also clears away what dead writers left.
   */
  unfinished(options: UnfinishedOptions): AsyncIterable<UnfinishedUpload>;
  /** Releases what the backend holds. Calls after it fail. Idempotent. */
  close(): Promise<void>;
}

/** One cross-cutting feature: a backend around a backend. */
export type Layer = <C extends Capabilities>(inner: StorageBackend<C>) => StorageBackend<C>;
