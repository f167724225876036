import type { Failure } from "../../contract/backend.js";
import { connectionFailure } from "../../contract/connection-failure.js";
import { StorageError } from "../../contract/error.js";
import { endpointVariable } from "./answer-error.js";
import { GcsError } from "./gcs-error.js";

/** What kind of failure an error of this backend is. */
export function classifyGcsError(error: unknown): Failure {
  if (error instanceof GcsError) return failureOf(error);
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  return connectionFailure(error, endpointVariable) ?? { code: "unknown" };
}

function failureOf({ code, message, retryAfterMs, applied }: GcsError): Failure {
  return { code, message, retryAfterMs, ...(applied === false && { applied }) };
}
