import type { Failure } from "../../contract/backend.js";
import { StorageError } from "../../contract/error.js";
import { AzureError } from "./azure-error.js";

/** What kind of failure an error of the Azure backend is. */
export function classifyAzureError(error: unknown): Failure {
  if (error instanceof AzureError) return error.failure;
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  return { code: "unknown" };
}
