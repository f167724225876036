import type { Failure } from "../../../contract/backend.js";
import type { StorageErrorCode } from "../../../contract/error.js";
import { classifyError, type ServiceError } from "../../../contract/service-error.js";
import { errnoOf } from "./disk-error.js";

/** What errno means for a storage; see errno(3). Where an object is missing a {@link ServiceError} says so itself. */
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
  const code = codeOfErrno[errnoOf(error) ?? ""];
  return code === undefined ? classifyError(error) : { code };
}
