import type { Need } from "../capability.js";
import type { StorageBackend } from "../contract/backend.js";
import type { Storage } from "../storage.js";

/** What a case may use. Everything it stores lies below `folder`, so that cases can run side by side in one bucket. */
export interface CaseContext {
  readonly backend: StorageBackend;
  readonly storage: Storage;
  /** A start of keys of its own, ending in `/`. */
  readonly folder: string;
  /** Longest key that the backend takes: 1,024, or less under a prefix. */
  readonly maxKeyLength: number;
  /** How often a race is run. */
  readonly races: number;
  /** A key below {@link folder}. */
  at(name: string): string;
  /** Another backend of the same kind, for a case that closes it. */
  create(): Promise<StorageBackend>;
}

/** One rule of the conformance suite. */
export interface ConformanceCase {
  /** A sentence of the contract. */
  readonly name: string;
  /** Capabilities without which the rule does not apply. */
  readonly needs?: readonly Need[];
  /** Whether it needs {@link CaseContext.create}. */
  readonly isDestructive?: true;
  /** Whether it reads a version that is removed meanwhile, so that a body that breaks cannot be resumed. */
  readonly readsOldVersion?: true;
  /** Rejects when the backend breaks the rule. */
  run(context: CaseContext): Promise<void>;
}
