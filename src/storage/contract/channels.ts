import { type Channel, channel } from "node:diagnostics_channel";
import { WorkChannel } from "../../kernel/index.js";
import type { OpenedObject, StorageBackend } from "./backend.js";
import type { StorageError, StorageOperation } from "./error.js";
import { Opened, readerOf } from "./opened.js";

/** One call that an application made. What ends it adds `result`, or `error`: a StorageError. */
export interface OperationFacts {
  /** Type of the backend: `local`. */
  readonly backend: string;
  readonly operation: StorageOperation;
  /** As the caller gave it; never for a label. */
  readonly key: string | undefined;
}

/** One try of one call to the backend, inside the retry layer. */
export interface AttemptFacts {
  readonly backend: string;
  /** The backend's verb: one call of an application may take several. */
  readonly verb: keyof StorageBackend;
  /** 1 for the first. */
  readonly attempt: number;
}

/** A body that was opened, or closed. */
export interface BodyFacts {
  readonly backend: string;
  readonly isOpen: boolean;
}

/** A body that failed while it was read, after the call that opened it had ended with success. */
export interface BodyErrorFacts {
  readonly backend: string;
  readonly error: StorageError;
}

/** One scan of content that has ended. */
export interface ScanFacts {
  readonly scanner: string;
  readonly verdict: "clean" | "infected" | "unavailable";
  readonly durationSeconds: number;
}

/** Every call to a storage. */
export const operationChannel = new WorkChannel<OperationFacts>("svc-infra:storage:operation");

/** Every try of a call to a backend. */
export const attemptChannel = new WorkChannel<AttemptFacts>("svc-infra:storage:attempt");

/** Every scan by a policy; its news are {@link ScanFacts}. */
export const scanChannel: Channel = channel("svc-infra:storage:scan");

/** Bodies that hold a connection or a file open. */
const bodyChannel = channel("svc-infra:storage:body");

/** Bodies that failed; its news are {@link BodyErrorFacts}. */
export const bodyErrorChannel: Channel = channel("svc-infra:storage:body-error");

/** The opened object, which tells {@link bodyChannel} when it is closed. */
export function watchedBody(opened: OpenedObject, backend: string): OpenedObject {
  if (opened.bytes !== undefined || !bodyChannel.hasSubscribers) return opened;
  let isOpen = true;
  const tell = () => bodyChannel.publish({ backend, isOpen } satisfies BodyFacts);
  tell();
  const reader = readerOf(opened);
  const close = () => {
    if (isOpen) {
      isOpen = false;
      tell();
    }
    return reader.close();
  };
  return new Opened(opened.stat, opened, { next: () => reader.next(), close });
}
