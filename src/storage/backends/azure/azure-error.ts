import type { Failure } from "../../contract/backend.js";
import type { StorageErrorCode } from "../../contract/error.js";

/** What is known of a failure beside its kind. */
export interface AzureErrorDetails {
  /** For people, where the kind alone would not do. */
  readonly explanation?: string | undefined;
  /** HTTP status of the answer, if there was one. */
  readonly status?: number | undefined;
  /** What the service, or the system, calls it: `BlobNotFound`, `ECONNRESET`. */
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** `false`: it is certain that nothing was done. */
  readonly applied?: false | undefined;
}

/**
 * A failure whose kind this backend knows. It keeps nothing of the SDK's own error: that holds keys above the caller's
 * view, the account, and the request with its authorization.
 */
export class AzureError extends Error {
  readonly failure: Failure;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly requestId: string | undefined;

  constructor(code: StorageErrorCode, details: AzureErrorDetails = {}) {
    const { explanation, status, reason, requestId, retryAfterMs, applied } = details;
    super(status === undefined ? (explanation ?? code) : wordsOf(status, reason, requestId));
    this.name = "AzureError";
    this.status = status;
    this.reason = reason;
    this.requestId = requestId;
    this.failure = {
      code,
      retryAfterMs,
      ...(explanation !== undefined && { message: explanation }),
      ...(applied === false && { applied }),
    };
  }
}

function wordsOf(status: number, reason: string | undefined, requestId: string | undefined): string {
  const request = requestId === undefined ? "" : ` (request ${requestId})`;
  return `Azure answered ${status}${reason === undefined ? "" : ` ${reason}`}${request}`;
}

/** What the backend refuses itself, before it has changed anything. */
export function refusal(code: StorageErrorCode, explanation: string): AzureError {
  return new AzureError(code, { explanation, applied: false });
}

/** Whether it is a failure of this kind. */
export function isFailure(error: unknown, code: StorageErrorCode): error is AzureError {
  return error instanceof AzureError && error.failure.code === code;
}
