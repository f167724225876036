import { setMaxListeners } from "node:events";
import { checkOptions } from "./arguments.js";
import type { Failure, StorageBackend } from "./contract/backend.js";
import { operationChannel } from "./contract/channels.js";
import {
  AbortedError,
  StorageError,
  type StorageErrorCode,
  type StorageErrorDetails,
  type StorageOperation,
  storageError,
} from "./contract/error.js";
import type { OperationObservers } from "./operation-observers.js";
import type { SignalOption } from "./options.js";

/** What was being done when something failed. */
export interface FailedCall {
  readonly backend: Pick<StorageBackend, "name" | "type" | "classify">;
  readonly operation: StorageOperation;
  /** As the caller gave it. */
  readonly key: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A call as it was made, before its options are checked. */
export interface MadeCall extends Omit<FailedCall, "signal"> {
  readonly options: SignalOption;
  readonly observers: OperationObservers;
}

/** Does the work of one call, unless its signal has fired; lets nothing but a {@link StorageError} leave it. */
export function attempt<T>(call: MadeCall, work: () => Promise<T>): Promise<T> {
  return told(call, async () => {
    try {
      enter(call.options);
      return await work();
    } catch (error) {
      throw failureOf(error, call);
    }
  });
}

/**
 * Refuses options that are no object, and a signal that has fired. One signal may serve any number of calls, as that
 * of a shutdown does: Node would warn of more than ten listeners as of a leak.
 */
export function enter(options: SignalOption): void {
  checkOptions(options);
  const { signal } = options;
  if (signal === undefined) return;
  signal.throwIfAborted();
  setMaxListeners(0, signal);
}

/** Does the work of one call; tells the channel of operations and those who observe this storage. */
export function told<T>(
  { backend, operation, key, observers }: MadeCall,
  work: () => Promise<T>,
): Promise<T> {
  const facts = { backend: backend.type, operation, key };
  return observers.watch(
    facts,
    operationChannel.run(() => ({ ...facts }), work),
  );
}

/** The error of a call that failed. The options themselves may be the cause. */
export function failureOf(error: unknown, call: MadeCall): StorageError {
  return toStorageError(error, { ...call, signal: call.options?.signal });
}

/** Makes the one error that leaves the storage: every failure passes here exactly once. */
export function toStorageError(error: unknown, call: FailedCall): StorageError {
  const where = { operation: call.operation, key: call.key, backend: call.backend.name };
  const isAborted = call.signal?.aborted === true;
  if (error instanceof StorageError && !(isAborted && error instanceof AbortedError)) {
    return error.operation === undefined ? locate(error, where) : error;
  }
  if (call.signal?.aborted === true) {
    const code = isTimeout(call.signal.reason) ? "timeout" : "aborted";
    return storageError(code, { ...where, message: messageOf(code, call), cause: call.signal.reason });
  }
  const { code, message, retryAfterMs } = classified(error, call);
  return storageError(code, {
    ...where,
    message: message ?? messageOf(code, call),
    retryAfterMs,
    cause: error,
  });
}

/** A check asks for no object, so a service that answers `not_found` lacks the bucket, or is another service. */
function classified(error: unknown, { backend, operation }: FailedCall): Failure {
  const failure = backend.classify(error);
  if (operation !== "check" || failure.code !== "not_found") return failure;
  const message =
    "the endpoint is not the intended service, or the bucket, container or cloud does not exist: check their variables";
  return { ...failure, code: "configuration", message };
}

function locate(error: StorageError, where: Omit<StorageErrorDetails, "message">): StorageError {
  return storageError(error.code, {
    ...where,
    message: error.message,
    retryAfterMs: error.retryAfterMs,
    cause: error.cause ?? error,
  });
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === "TimeoutError";
}

const explanations: Readonly<Record<StorageErrorCode, string>> = {
  not_found: "no such object",
  invalid_key: "the key is not valid here",
  invalid_argument: "an argument is not valid",
  invalid_range: "the range starts beyond the end of the object",
  key_conflict: "the key conflicts with an existing key",
  precondition_failed: "the object is not in the state that was asked for",
  permission_denied: "access was refused",
  quota_exceeded: "there is no room left",
  too_large: "the content is too large",
  unsupported_type: "the content type is not allowed",
  infected: "the content is infected",
  checksum_mismatch: "the content does not have the expected checksum",
  source_failed: "the source of the content failed",
  corrupt: "the stored object is damaged",
  aborted: "the call was aborted",
  timeout: "there was no progress in time",
  rate_limited: "the backend asks to slow down",
  unavailable: "the backend is not available",
  unsupported: "the backend cannot do this",
  configuration: "the storage is not set up correctly",
  unknown: "the backend failed with an unrecognised error",
};

function messageOf(code: StorageErrorCode, { backend, operation, key }: FailedCall): string {
  const object = typeof key === "string" ? ` '${key.slice(0, 200)}'` : "";
  return `${operation}${object} on ${backend.name}: ${explanations[code]}`;
}
