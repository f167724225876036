import { ServiceError } from "../../../contract/service-error.js";

/** `ENOENT` and the like, where the error has one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The error for a key without an object. */
export function notFound(): ServiceError {
  return new ServiceError("not_found", undefined);
}

/** The error for an object that does not meet the condition of the call. */
export function conditionFailed(): ServiceError {
  return new ServiceError("precondition_failed", undefined);
}

/** The error for a key whose metadata cannot be read. A guessed type could make text of an attachment. */
export function damaged(): ServiceError {
  return new ServiceError("corrupt", "the metadata is damaged");
}

/** The error for two keys that the file system keeps at one place. */
export function keyConflict(key: string, other: string): ServiceError {
  return new ServiceError("key_conflict", `'${key}' cannot be an object while '${other}' is one`);
}

const busyReason = "Busy";

/** The error where another process is at work, so that trying again soon makes sense. Nothing has been changed. */
export function busy(explanation: string): ServiceError {
  return new ServiceError("unavailable", explanation, { reason: busyReason, applied: false });
}

/** Whether it is an error of {@link busy}. */
export function isBusy(error: unknown): boolean {
  return error instanceof ServiceError && error.reason === busyReason;
}

/** The error when the base folder, or the own folder of the store in it, is no longer there. */
export function baseIsGone(): ServiceError {
  return new ServiceError("unavailable", "the base folder is gone, or what the store keeps in it");
}
