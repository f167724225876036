import type { Failure } from "../../contract/backend.js";
import { StorageError } from "../../contract/error.js";
import { MemoryError } from "./memory-error.js";

/** What kind of failure an error of the memory backend is. What the backend refuses itself, it has not done. */
export function classifyMemoryError(error: unknown): Failure {
  if (error instanceof MemoryError) return { code: error.code, message: error.message, applied: false };
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (error instanceof Error && error.name === "AbortError") return { code: "aborted" };
  if (error instanceof Error && error.name === "TimeoutError") return { code: "timeout" };
  return { code: "unknown" };
}
