import type { OperationFacts } from "./contract/channels.js";

/** One call to a storage that has ended: with its result, or with a StorageError. */
export interface EndedOperation extends OperationFacts {
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Is told of each call that has ended. It must not throw. */
export type OperationObserver = (ended: EndedOperation) => void;

/** Those who are told of the calls to one storage, its tenants and what else is derived from it. */
export class OperationObservers {
  readonly #observers = new Set<OperationObserver>();

  /** @returns what ends that. */
  add(observer: OperationObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Tells how the work of one call ends; without an observer the work is left alone. */
  watch<T>(facts: OperationFacts, work: Promise<T>): Promise<T> {
    if (this.#observers.size === 0) return work;
    return work.then(
      (result) => {
        this.#tell({ ...facts, result });
        return result;
      },
      (error: unknown) => {
        this.#tell({ ...facts, error });
        throw error;
      },
    );
  }

  #tell(ended: EndedOperation): void {
    for (const observer of this.#observers) observer(ended);
  }
}
