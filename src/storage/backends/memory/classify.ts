import type { Failure } from "../../backend.js";
import { StorageError } from "../../error.js";
import { MemoryError } from "./memory-error.js";

/** What kind of failure an error of the memory backend is. Nothing that failed here was done. */
export function classifyMemoryError(error: unknown): Failure {
  if (error instanceof StorageError || error instanceof MemoryError) {
    return { code: error.code, message: error.message, applied: false };
  }
  if (error instanceof Error && error.name === "AbortError") return { code: "aborted", applied: false };
  if (error instanceof Error && error.name === "TimeoutError") return { code: "timeout", applied: false };
  return { code: "unknown", applied: false };
}
