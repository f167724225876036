import type { Failure } from "../../contract/backend.js";
import type { StorageErrorCode } from "../../contract/error.js";

/** A failure whose kind the Cloudinary backend knows. Its message is our own, and nothing that the service said is kept. */
export class CloudinaryError extends Error {
  readonly failure: Failure;

  constructor(code: StorageErrorCode, message: string, more: Omit<Failure, "code"> & ErrorOptions = {}) {
    const { cause, ...failure } = more;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CloudinaryError";
    this.failure = { ...failure, code, message };
  }
}

/** A call that this backend refuses before it asks the service. */
export function refusal(code: StorageErrorCode, message: string): CloudinaryError {
  return new CloudinaryError(code, message, { applied: false });
}
