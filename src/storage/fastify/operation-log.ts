import { withoutSecrets } from "../../http/index.js";
import type { Logger } from "../../kernel/index.js";
import { StorageError, type StorageOperation } from "../contract/error.js";
import type { EndedOperation, OperationObserver } from "../operation-observers.js";
import type { Storage } from "../storage.js";

/** What changes files is told at `info`, what only looks at them at `debug`, and what is not named here not at all. */
const told: Readonly<Partial<Record<StorageOperation, { level: "info" | "debug"; message: string }>>> = {
  put: { level: "info", message: "a file was stored" },
  multipart: { level: "info", message: "a file was stored" },
  completeUpload: { level: "info", message: "a file was stored" },
  copy: { level: "info", message: "a file was copied" },
  move: { level: "info", message: "a file was moved" },
  delete: { level: "info", message: "a file was deleted" },
  deleteMany: { level: "info", message: "files were deleted" },
  deletePrefix: { level: "info", message: "files were deleted" },
  getUrl: { level: "debug", message: "a URL was made" },
  getUrls: { level: "debug", message: "URLs were made" },
  getUploadUrl: { level: "debug", message: "an upload URL was made" },
  prepareUpload: { level: "debug", message: "an upload was prepared" },
  abortUpload: { level: "debug", message: "an upload was given up" },
  getMetadata: { level: "debug", message: "metadata was read" },
};

/** One observer a logger, which so has every line once though a storage is added twice. */
const loggers = new WeakMap<Logger, OperationObserver>();

/**
 * Logs what is done with a storage: uploads and deletions with key and size, failures with backend and code. URLs are
 * never part of a line, and what an error says is told without secrets.
 *
 * @returns what ends that.
 */
export function logOperations({ observers }: Storage, log: Logger): () => void {
  return observers.add(observerOf(log));
}

function observerOf(log: Logger): OperationObserver {
  const known = loggers.get(log);
  if (known !== undefined) return known;
  const observer = (ended: EndedOperation) => {
    if (ended.error === undefined) logSuccess(log, ended);
    else logFailure(log, ended, ended.error);
  };
  loggers.set(log, observer);
  return observer;
}

function logSuccess(log: Logger, { operation, backend, key, result }: EndedOperation): void {
  const line = told[operation];
  if (line === undefined || didNothing(operation, result)) return;
  const { size, key: stored }: { size?: unknown; key?: unknown } = Object(result);
  log[line.level](
    { operation, backend, key: key ?? stored, ...(typeof size === "number" ? { size } : {}) },
    line.message,
  );
}

/** A deletion of what is not there, and a part of an upload or its beginning. */
function didNothing(operation: StorageOperation, result: unknown): boolean {
  if (operation === "delete") return result === false;
  return operation === "multipart" && Object(result).contentType === undefined;
}

/** What the service is at fault for is an error; what the caller asked for in vain is told at `debug`. */
function logFailure(log: Logger, { operation, backend, key }: EndedOperation, error: unknown): void {
  const { code, statusCode } = error instanceof StorageError ? error : { code: "unknown", statusCode: 500 };
  const facts = { operation, backend, key, code, reason: reasonOf(error), cause: causeOf(error) };
  if (statusCode >= 500) log.error(facts, "the storage failed");
  else log.debug(facts, "the storage refused a call");
}

function causeOf(error: unknown): string | undefined {
  return error instanceof Error && error.cause !== undefined ? reasonOf(error.cause) : undefined;
}

function reasonOf(error: unknown): string {
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}
