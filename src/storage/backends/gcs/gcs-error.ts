import type { StorageErrorCode } from "../../contract/error.js";

/** What is known of a failure beside its kind and its message. */
export interface GcsErrorDetails {
  /** HTTP status of the answer, if there was one. */
  readonly status?: number;
  readonly retryAfterMs?: number | undefined;
  /** `false`: it is certain that nothing was done. */
  readonly applied?: false;
}

/**
 * A failure whose kind this backend knows. It keeps nothing of the provider's own error: that holds keys above the
 * caller's view, accounts, and requests with their tokens.
 */
export class GcsError extends Error {
  readonly code: StorageErrorCode;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly applied: false | undefined;

  constructor(code: StorageErrorCode, message: string, details: GcsErrorDetails = {}) {
    super(message);
    this.name = "GcsError";
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.applied = details.applied;
  }
}
