import type { StorageErrorCode } from "../../../contract/error.js";

/** A failure whose kind this backend knows itself; every other error keeps its errno. */
export class DiskError extends Error {
  readonly kind: StorageErrorCode | "busy";

  constructor(kind: StorageErrorCode | "busy", message: string) {
    super(message);
    this.name = "DiskError";
    this.kind = kind;
  }
}

/** `ENOENT` and the like, where the error has one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The error for a key without an object. */
export function notFound(key: string): DiskError {
  return new DiskError("not_found", `there is no object '${key}'`);
}

/** The error for a key whose object has another version than the condition of the call. */
export function wrongVersion(key: string): DiskError {
  return new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
}

/** The error for a key whose metadata cannot be read. A guessed type could make text of an attachment. */
export function damaged(key: string): DiskError {
  return new DiskError("corrupt", `the metadata of '${key}' is damaged`);
}

/** The error for two keys that the file system keeps at one place. */
export function keyConflict(key: string, other: string): DiskError {
  return new DiskError("key_conflict", `'${key}' cannot be an object while '${other}' is one`);
}

/** True when another writer holds the key, so that trying again soon makes sense. */
export function isBusy(error: unknown): boolean {
  return error instanceof DiskError && error.kind === "busy";
}

/** The error when the base folder, or the own folder of the store in it, is no longer there. */
export function baseIsGone(): DiskError {
  return new DiskError("unavailable", "the base folder is gone, or what the store keeps in it");
}
