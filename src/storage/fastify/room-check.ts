import { tracingChannel } from "node:diagnostics_channel";
import type { OperationFacts } from "../contract/channels.js";
import { QuotaExceededError, type StorageOperation } from "../contract/error.js";

/** Milliseconds after which an old failure says nothing of the room that there is now. */
const keptMs = 60_000;

const writing: ReadonlySet<StorageOperation> = new Set([
  "put",
  "multipart",
  "completeUpload",
  "copy",
  "move",
]);

/**
 * Knows from the writes of the process whether there is room left: a disk that is full still answers every question, and
 * files on it can still be read.
 */
export class RoomCheck {
  readonly #backend: string;
  #fullSince = Number.NEGATIVE_INFINITY;
  readonly #tell = (message: unknown) => this.#note(message as OperationFacts & { error?: unknown });

  /** @param backend - type of the backend whose writes count. */
  constructor(backend: string) {
    this.#backend = backend;
    operations.asyncEnd.subscribe(this.#tell);
  }

  /** @throws Error while the last write found no room. */
  check(): void {
    if (performance.now() - this.#fullSince < keptMs) throw new Error("the last write found no room");
  }

  close(): void {
    operations.asyncEnd.unsubscribe(this.#tell);
  }

  #note({ backend, operation, error }: OperationFacts & { error?: unknown }): void {
    if (backend !== this.#backend || !writing.has(operation)) return;
    if (error instanceof QuotaExceededError) this.#fullSince = performance.now();
    else if (error === undefined) this.#fullSince = Number.NEGATIVE_INFINITY;
  }
}

const operations = tracingChannel<unknown, OperationFacts>("svc-infra:storage:operation");
