import type { Digest } from "./content/digest-check.js";
import type { FileBody } from "./content/file-body.js";
import type { ByteRange, Capabilities, ContentFields, ObjectStat } from "./contract/backend.js";
import type { Checksum } from "./contract/checksum.js";
import type { StorageError } from "./contract/error.js";
import type { Transform } from "./contract/transform.js";

/** An option that compiles only where the capability may be there. */
export type IfCapable<Flag extends boolean, Value> = [Flag] extends [false] ? undefined : Value;

export interface StorageOptions {
  /** Largest object that may be put, in bytes; unlimited by default (the HTTP routes have a limit of their own). */
  readonly maxBytes?: number | undefined;
}

export interface SignalOption {
  /** Aborts the call; it rejects with `aborted`, or `timeout` for `AbortSignal.timeout()`. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConditionOptions<C extends Capabilities> {
  /** Only where there is no object: of many such writers exactly one wins. */
  readonly ifAbsent?: IfCapable<C["ifAbsent"], boolean> | undefined;
  /** Only over the version with this ETag. */
  readonly ifMatch?: IfCapable<C["ifMatch"], string> | undefined;
}

export interface DeleteOptions<C extends Capabilities = Capabilities> extends SignalOption {
  /** Delete only the version with this ETag; another one is `precondition_failed`. */
  readonly ifMatch?: IfCapable<C["conditionalRemove"], string> | undefined;
}

export interface CopyMoveOptions<C extends Capabilities = Capabilities>
  extends ConditionOptions<C>,
    SignalOption {
  /** Copy only the version of the source with this ETag; another one is `precondition_failed`. */
  readonly sourceIfMatch?: string | undefined;
}

export interface DescribeOptions extends ContentFields {
  /** Media type. Default: that of a `File` or `Blob`, else what the content's first bytes and the name say. */
  readonly contentType?: string | undefined;
  /** The file's own name, in any script, used when it is downloaded. Default: that of a `File`. */
  readonly filename?: string | undefined;
  /** Names of `a-z 0-9 _ -`, values without control characters; 32 pairs and 2 KiB at most. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface PutOptions<C extends Capabilities = Capabilities>
  extends DescribeOptions,
    ConditionOptions<C>,
    SignalOption {
  /** Bytes of a stream, when known; another number is refused. */
  readonly size?: number | undefined;
  /** Refuse more bytes than this; the default is the storage's own limit. */
  readonly maxBytes?: number | undefined;
  /** Refuse content with another checksum. */
  readonly checksum?: Checksum | undefined;
  /** Refuse content that lacks one of these, as senders state them: `sha512:…`, `md5:…`. */
  readonly digests?: readonly Digest[] | undefined;
}

/** A stored object, as applications see it. */
export interface FileDetails extends Omit<ObjectStat, "key"> {
  readonly key: string;
}

/** What `put` answers. */
export interface StoredFile extends FileDetails {
  /** Signed, for one hour; `undefined` where the backend can sign none. */
  readonly url: string | undefined;
}

/** An opened object: its details and the part of its content that was asked for. */
export interface OpenedFile extends FileDetails {
  /** First byte of the body, and the one behind its last. */
  readonly start: number;
  readonly end: number;
  readonly body: FileBody;
}

export interface OpenOptions extends SignalOption {
  readonly range?: ByteRange | undefined;
  /** Only this version. */
  readonly ifMatch?: string | undefined;
}

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
   * `STORAGE_PUBLIC_URL` or the layer `publicFiles`. Default: false.
   */
  readonly public?: boolean | undefined;
  /** The image or video, made anew by the provider; the object itself stays as it is. */
  readonly transform?: IfCapable<C["transform"], Transform> | undefined;
}

export interface UploadUrlOptions {
  /** Seconds, 1 to 604,800. */
  readonly expiresIn?: number | undefined;
  /** The only type that the upload may have. */
  readonly contentType: string;
  /** The only number of bytes that the upload may have. */
  readonly size?: number | undefined;
}

export interface ListAllOptions extends SignalOption {
  readonly prefix?: string | undefined;
}

export interface ListKeysOptions extends ListAllOptions {
  /** 1 to 1,000. */
  readonly limit?: number | undefined;
}

export interface ListPageOptions extends ListKeysOptions {
  readonly delimiter?: "/" | undefined;
  readonly cursor?: string | undefined;
}

export interface ListedFile {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
}

export interface FilePage {
  readonly items: readonly ListedFile[];
  readonly prefixes: readonly string[];
  readonly cursor: string | undefined;
  /** Names that other tools made and that are no keys, where the backend tells them. */
  readonly passedOver?: readonly string[];
}

export interface DeleteFailure {
  readonly key: string;
  readonly error: StorageError;
}
