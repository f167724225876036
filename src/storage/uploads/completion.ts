import type { UploadedPart, WriteConditions } from "../contract/backend.js";
import type { CompleteOptions } from "../options.js";

/** A completion, which may have its own conditions. */
export interface Completion extends CompleteOptions {
  readonly conditions?: WriteConditions | undefined;
  /** The parts that the object is to have; all, unless it is said. */
  readonly given?: readonly UploadedPart[] | undefined;
}
