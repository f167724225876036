import type { Failure } from "../../contract/backend.js";
import { connectionFailure } from "../../contract/connection-failure.js";
import { StorageError } from "../../contract/error.js";
import { CloudinaryError } from "./cloudinary-error.js";

/** What kind of failure an error of the Cloudinary backend is. */
export function classifyCloudinaryError(error: unknown): Failure {
  if (error instanceof CloudinaryError) return error.failure;
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (!(error instanceof Error)) return { code: "unknown" };
  if (error.name === "AbortError") return { code: "aborted" };
  if (error.name === "TimeoutError") return { code: "timeout" };
  return connectionFailure(error, "STORAGE_CLOUDINARY_ENDPOINT if it is set") ?? { code: "unknown" };
}
