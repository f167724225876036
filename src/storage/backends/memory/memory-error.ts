import type { StorageErrorCode } from "../../contract/error.js";

/** A failure whose kind the memory backend knows. Its message names no key: a tenant's prefix must not show. */
export class MemoryError extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string) {
    super(message);
    this.name = "MemoryError";
    this.code = code;
  }
}
