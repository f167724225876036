import type { Failure } from "../../../contract/backend.js";
import { StorageError, type StorageErrorCode } from "../../../contract/error.js";
import { ServiceError } from "../../../contract/service-error.js";
import { DiskError, errnoOf } from "./disk-error.js";

/** What errno means for a storage; see errno(3). Where an object is missing a {@link DiskError} says so itself. */
const codeOfErrno: Readonly<Record<string, StorageErrorCode>> = {
  ENOENT: "unavailable",
  ENOTDIR: "key_conflict",
  EISDIR: "key_conflict",
  ENOTEMPTY: "key_conflict",
  ELOOP: "permission_denied",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EROFS: "permission_denied",
  ENOSPC: "quota_exceeded",
  EDQUOT: "quota_exceeded",
  EFBIG: "quota_exceeded",
  ENAMETOOLONG: "invalid_key",
  EMFILE: "unavailable",
  ENFILE: "unavailable",
  EIO: "unavailable",
  ESTALE: "unavailable",
  EBUSY: "unavailable",
  EXDEV: "configuration",
};

/** Says what kind of failure an error of the local backend is. */
export function classifyDiskError(error: unknown): Failure {
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  if (error instanceof ServiceError) return error.failure;
  if (error instanceof DiskError) return classifyOwn(error);
  if (error instanceof Error && error.name === "AbortError") return { code: "aborted" };
  if (error instanceof Error && error.name === "TimeoutError") return { code: "timeout" };
  return { code: codeOfErrno[errnoOf(error) ?? ""] ?? "unknown" };
}

/** Kinds that need no message; theirs holds the whole key, which may begin with a tenant's prefix. */
const selfEvident: ReadonlySet<string> = new Set(["not_found", "precondition_failed", "corrupt"]);

function classifyOwn({ kind, message }: DiskError): Failure {
  if (kind === "busy") return { code: "unavailable", message, applied: false };
  return selfEvident.has(kind) ? { code: kind } : { code: kind, message };
}
