/**
 * An upload that the service refused or that did not get through; `message` says why, for people. An upload that was
 * cancelled rejects with the reason of its signal instead.
 */
export class UploadError extends Error {
  override readonly name = "UploadError";
  /** The HTTP status of the answer; 0 when there was none. */
  readonly status: number;
  /** Stable word for programs, as `too_large`, or `unreachable` when there was no answer. */
  readonly code: string;

  constructor(message: string, { status, code }: { readonly status: number; readonly code: string }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
