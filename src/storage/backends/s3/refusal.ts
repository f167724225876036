import type { StorageErrorCode } from "../../contract/error.js";

/** What the backend refuses itself, before it has changed anything. Its message names no key. */
export class Refusal extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string) {
    super(message);
    this.name = "Refusal";
    this.code = code;
  }
}
