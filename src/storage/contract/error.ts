/** Every kind of failure a caller can tell apart; programs act on the code, people read the message. */
export type StorageErrorCode = keyof typeof statusOfCode;

/** What was asked of the storage when it failed. */
export type StorageOperation =
  | "put"
  | "get"
  | "open"
  | "exists"
  | "delete"
  | "deleteMany"
  | "deletePrefix"
  | "copy"
  | "move"
  | "getUrl"
  | "getUrls"
  | "getUploadUrl"
  | "listKeys"
  | "list"
  | "getMetadata"
  | "prepareUpload"
  | "completeUpload"
  | "abortUpload"
  | "sweep"
  | "multipart"
  | "check";

/** What is known of a failure; `statusCode` (the name that Fastify reads) and `code` follow from the class. */
export interface StorageErrorDetails {
  readonly message: string;
  readonly operation?: StorageOperation | undefined;
  /** The key as the caller gave it, never with a tenant's prefix. */
  readonly key?: string | undefined;
  readonly backend?: string | undefined;
  /** Milliseconds to wait before trying again, where the provider said so. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** HTTP status of each code (RFC 9110; 499 is the usual word for a client that left). */
export const statusOfCode = {
  not_found: 404,
  invalid_key: 400,
  invalid_argument: 400,
  invalid_range: 416,
  key_conflict: 409,
  precondition_failed: 412,
  permission_denied: 403,
  quota_exceeded: 507,
  too_large: 413,
  unsupported_type: 415,
  infected: 422,
  checksum_mismatch: 400,
  source_failed: 400,
  corrupt: 500,
  aborted: 499,
  timeout: 504,
  rate_limited: 503,
  unavailable: 503,
  unsupported: 501,
  configuration: 500,
  unknown: 500,
} as const;

/**
 * A storage operation that failed. Subclasses exist for `instanceof`; `code` says the same.
 * The provider's own error is only in `cause`.
 */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly statusCode: number;
  readonly operation: StorageOperation | undefined;
  readonly key: string | undefined;
  readonly backend: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(details: StorageErrorDetails, code: StorageErrorCode = "unknown") {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.statusCode = statusOfCode[code];
    this.operation = details.operation;
    this.key = details.key;
    this.backend = details.backend;
    this.retryAfterMs = details.retryAfterMs;
  }
}

function errorOf<Code extends StorageErrorCode>(code: Code) {
  return class extends StorageError {
    declare readonly code: Code;
    constructor(details: StorageErrorDetails) {
      super(details, code);
    }
  };
}

/** There is no such object. */
export class FileNotFoundError extends errorOf("not_found") {}
/** The key or prefix breaks the rules of {@link parseKey}, or the backend cannot hold it. */
export class InvalidKeyError extends errorOf("invalid_key") {}
/** An argument other than the key is wrong. */
export class InvalidArgumentError extends errorOf("invalid_argument") {}
/** The range starts beyond the end of the object (RFC 9110 §15.5.17). */
export class InvalidRangeError extends errorOf("invalid_range") {}
/** The key conflicts with an existing key, as `a` beside `a/b` on a file system. */
export class KeyConflictError extends errorOf("key_conflict") {}
/** `ifAbsent` met an object, or `ifMatch` met another version. */
export class PreconditionFailedError extends errorOf("precondition_failed") {}
/** The provider or the file system refused access. */
export class PermissionDeniedError extends errorOf("permission_denied") {}
/** No room: disk full, size limit of the memory backend, a quota. */
export class QuotaExceededError extends errorOf("quota_exceeded") {}
/** The content is larger than allowed. */
export class TooLargeError extends errorOf("too_large") {}
/** The content's type is not allowed. */
export class UnsupportedTypeError extends errorOf("unsupported_type") {}
/** The scanner found something in the content. */
export class InfectedError extends errorOf("infected") {}
/** The content does not have the checksum that the caller gave. */
export class ChecksumMismatchError extends errorOf("checksum_mismatch") {}
/** Reading the content that the caller gave failed; its own error is the `cause`. */
export class SourceFailedError extends errorOf("source_failed") {}
/** The stored object is damaged: its bytes or its metadata no longer match their checksum. */
export class CorruptObjectError extends errorOf("corrupt") {}
/** The caller's `AbortSignal` fired, the client left, or the source of the content was cut off. */
export class AbortedError extends errorOf("aborted") {}
/** No progress within the time allowed. */
export class TimeoutError extends errorOf("timeout") {}
/** The provider asks to slow down. */
export class RateLimitedError extends errorOf("rate_limited") {}
/** The backend cannot be reached or failed in a way that may pass. */
export class BackendUnavailableError extends errorOf("unavailable") {}
/** The backend cannot do this at all; see its `capabilities`. */
export class UnsupportedOperationError extends errorOf("unsupported") {}
/** The storage is set up wrongly; the message names the variable or option. */
export class StorageConfigurationError extends errorOf("configuration") {}
/** An unrecognised failure of the backend. */
export class UnknownStorageError extends errorOf("unknown") {}

const classOfCode = {
  not_found: FileNotFoundError,
  invalid_key: InvalidKeyError,
  invalid_argument: InvalidArgumentError,
  invalid_range: InvalidRangeError,
  key_conflict: KeyConflictError,
  precondition_failed: PreconditionFailedError,
  permission_denied: PermissionDeniedError,
  quota_exceeded: QuotaExceededError,
  too_large: TooLargeError,
  unsupported_type: UnsupportedTypeError,
  infected: InfectedError,
  checksum_mismatch: ChecksumMismatchError,
  source_failed: SourceFailedError,
  corrupt: CorruptObjectError,
  aborted: AbortedError,
  timeout: TimeoutError,
  rate_limited: RateLimitedError,
  unavailable: BackendUnavailableError,
  unsupported: UnsupportedOperationError,
  configuration: StorageConfigurationError,
  unknown: UnknownStorageError,
} satisfies Record<StorageErrorCode, new (details: StorageErrorDetails) => StorageError>;

/** Makes the error class that belongs to `code`. */
export function storageError(code: StorageErrorCode, details: StorageErrorDetails): StorageError {
  return new classOfCode[code](details);
}
