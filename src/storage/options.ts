import type { Digest } from "./content/digest-check.js";
import type { FileBody } from "./content/file-body.js";
import type { ByteRange, Capabilities, ContentFields, ObjectStat } from "./contract/backend.js";
import type { Checksum } from "./contract/checksum.js";
import type { StorageError } from "./contract/error.js";
import type { Transform } from "./contract/transform.js";
import type { PolicyOptions } from "./policy/index.js";

/** An option that compiles only where the capability may be there. */
export type IfCapable<Flag extends boolean, Value> = [Flag] extends [false] ? undefined : Value;

/** Options of a `Storage` that is made in code. */
export interface StorageOptions {
  /** Largest object that may be put, in bytes; unlimited by default (the HTTP routes have a limit of their own). */
  readonly maxBytes?: number | undefined;
  /** What content must satisfy, whichever way it comes; of several policies each. */
  readonly policy?: PolicyOptions | readonly PolicyOptions[] | undefined;
}

/** What every call takes. */
export interface SignalOption {
  /** Aborts the call; it rejects with `aborted`, or `timeout` for `AbortSignal.timeout()`. */
  readonly signal?: AbortSignal | undefined;
}

/** Conditions that are decided together with the write. */
export interface ConditionOptions<C extends Capabilities> {
  /** Only where there is no object: of many such writers exactly one wins. */
  readonly ifAbsent?: IfCapable<C["ifAbsent"], boolean> | undefined;
  /** Only over the version with this ETag. */
  readonly ifMatch?: IfCapable<C["ifMatch"], string> | undefined;
}

/** Options of `delete`. */
export interface DeleteOptions<C extends Capabilities = Capabilities> extends SignalOption {
  /** Delete only the version with this ETag; another one is `precondition_failed`. */
  readonly ifMatch?: IfCapable<C["conditionalRemove"], string> | undefined;
}

/** Options of `copy` and `move`; the conditions are those of the target. */
export interface CopyMoveOptions<C extends Capabilities = Capabilities>
  extends ConditionOptions<C>,
    SignalOption {
  /** Copy only the version of the source with this ETag; another one is `precondition_failed`. */
  readonly sourceIfMatch?: string | undefined;
}

/** What is kept beside the bytes. */
export interface DescribeOptions extends ContentFields {
  /** Media type. Default: that of a `File` or `Blob`, else what the content's first bytes and the name say. */
  readonly contentType?: string | undefined;
  /** The file's own name, in any script, used when it is downloaded. Default: that of a `File`. */
  readonly filename?: string | undefined;
  /** Names of `a-z 0-9 _ -`, values without control characters; 32 pairs and 2 KiB at most. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Options of `put`. Another name is refused. */
export interface PutOptions<C extends Capabilities = Capabilities>
  extends DescribeOptions,
    ConditionOptions<C>,
    SignalOption {
  /** Bytes of a stream, when known; another number is refused. */
  readonly size?: number | undefined;
  /** Refuse more bytes than this; the default is the storage's own limit. */
  readonly maxBytes?: number | undefined;
  /** Further rules of this content, besides those of the storage. */
  readonly policy?: PolicyOptions | undefined;
  /** Refuse content with another checksum. */
  readonly checksum?: Checksum | undefined;
  /** Refuse content that lacks one of these, as senders state them: `sha512:…`, `md5:…`. */
  readonly digests?: readonly Digest[] | undefined;
}

/** Options of `putFromUrl`. */
export interface ImportOptions<C extends Capabilities = Capabilities> extends PutOptions<C> {
  /** Milliseconds from the call to the last byte of the content. Default: 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Whether `http:` is dialled too. Default: false. */
  readonly allowHttp?: boolean | undefined;
  /** Ports that may be dialled. Default: 443 and 8443, and 80 with `allowHttp`. */
  readonly ports?: readonly number[] | undefined;
  /** Lets the URL be on loopback and private addresses: for development and tests only. Default: false. */
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** A stored object, as applications see it. */
export interface FileDetails extends Omit<ObjectStat, "key"> {
  /** As the caller gave it, without a tenant's prefix. */
  readonly key: string;
}

/** What `put` answers. */
export interface StoredFile extends FileDetails {
  /** Signed, for one hour; `undefined` where the backend can sign none. */
  readonly url: string | undefined;
}

/** An opened object: its details and the part of its content that was asked for. */
export interface OpenedFile extends FileDetails {
  /** First byte of the body. */
  readonly start: number;
  /** The byte behind the last one of the body. */
  readonly end: number;
  /** The content; it must be read or closed. */
  readonly body: FileBody;
}

/** Options of `open`. */
export interface OpenOptions extends SignalOption {
  /** Bytes from `start` through `end`, or the last `suffix` bytes. Default: all. */
  readonly range?: ByteRange | undefined;
  /** Only the version with this ETag; another one is `precondition_failed`. */
  readonly ifMatch?: string | undefined;
}

/** Options of `getUrl` and `getUrls`. Another name is refused. */
export interface UrlOptions<C extends Capabilities = Capabilities> {
  /** Seconds until the URL expires, 1 to 604,800. Default: 3,600. */
  readonly expiresIn?: number | undefined;
  /**
   * Seconds for which the same call gives the same URL, so that browsers and CDNs keep what they fetched by it. Windows of
   * this length follow the clock, alike in all processes; a URL lives for `expiresIn` to `expiresIn + stableFor` seconds,
   * together 604,800 at most. Default: every second another URL.
   */
  readonly stableFor?: number | undefined;
  /** Force an attachment. Default: false. */
  readonly download?: boolean | undefined;
  /** Name to save it under. Default: that of the object. */
  readonly filename?: string | undefined;
  /** `Cache-Control` of the answer, signed into the URL (RFC 9111 §5.2). Default: that of the object. */
  readonly cacheControl?: string | undefined;
  /**
   * The permanent URL of a file that is public: its key is under a declared public prefix. Takes no other option. Needs
   * `STORAGE_PUBLIC_URL`, the option `publicFiles` of `addStorage` or the layer of that name. Default: false.
   */
  readonly public?: boolean | undefined;
  /** The image or video, made anew by the provider; the object itself stays as it is. */
  readonly transform?: IfCapable<C["transform"], Transform> | undefined;
}

/** Options of `getUploadUrl`. */
export interface UploadUrlOptions {
  /** Seconds until the URL expires, 1 to 604,800. Default: 3,600. */
  readonly expiresIn?: number | undefined;
  /** The only type that the upload may have. */
  readonly contentType: string;
  /** The only number of bytes that the upload may have. */
  readonly size?: number | undefined;
}

/** Options of `prepareUpload`. */
export interface PrepareOptions<C extends Capabilities = Capabilities>
  extends DescribeOptions,
    ConditionOptions<C>,
    SignalOption {
  /** How many bytes the content has. */
  readonly size: number;
  readonly contentType: string;
  /** Refuse content with another checksum. */
  readonly checksum?: Checksum | undefined;
  /** Further rules of this content, besides those of the storage; a scanner and `onInfected` belong to the storage. */
  readonly policy?: PolicyOptions | undefined;
  /** Seconds in which the content must be sent, 1 to 604,800. Default: 3,600. */
  readonly expiresIn?: number | undefined;
}

/** Options of `completeUpload` and `abortUpload`. */
export interface CompleteOptions extends SignalOption {
  /** Further rules of this content, besides those of the storage and of `prepareUpload`. */
  readonly policy?: PolicyOptions | undefined;
}

/** Options of `listAll` and `listAllKeys`. */
export interface ListAllOptions extends SignalOption {
  /** A plain start of keys. Default: none, which is every key. */
  readonly prefix?: string | undefined;
}

/** What one page holds: 100 entries unless `limit` says otherwise. There may be more behind it. */
export type OnePage<T> = readonly T[];

/** Options of `listKeys`, which answers one page. */
export interface ListKeysOptions extends ListAllOptions {
  /** Keys of the page, 1 to 1,000. Default: 100. `listAllKeys` answers every key. */
  readonly limit?: number | undefined;
}

/** Options of `list`. */
export interface ListPageOptions extends ListKeysOptions {
  /** Rolls keys up that hold it behind the prefix, as a folder does. Default: none. */
  readonly delimiter?: "/" | undefined;
  /** That of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
}

/** One object of a listing. */
export interface ListedFile {
  /** As `get` takes it. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was written last. */
  readonly lastModified: Date;
}

/** One page of a listing. */
export interface FilePage {
  /** The objects, in byte order of their keys. */
  readonly items: readonly ListedFile[];
  /** Rolled-up starts of keys, each ending in the delimiter. */
  readonly prefixes: readonly string[];
  /** Gives the next page; `undefined` on the last one. */
  readonly cursor: string | undefined;
  /** Names that other tools made and that are no keys, where the backend tells them. */
  readonly passedOver?: readonly string[];
}

/** A key that `deleteMany` could not delete. */
export interface DeleteFailure {
  /** As the caller gave it. */
  readonly key: string;
  /** Why. */
  readonly error: StorageError;
}
