import type { StorageBackend } from "../contract/backend.js";
import type { PolicyOptions } from "../policy/index.js";
import type { Policy } from "../policy/policy.js";

/** The storage, or part of it, that uploads go to. */
export interface UploadPlace {
  readonly backend: StorageBackend;
  /** What the keys begin with in the whole storage: empty, or `acme/`. */
  readonly scope: string;
  /** Most bytes of an object, whatever the policy says. */
  readonly maxBytes: number;
  /** What content must satisfy, as it was given. */
  readonly rules: readonly PolicyOptions[];
  /** What content must satisfy, with further rules. */
  readonly policyOf: (further: PolicyOptions | readonly PolicyOptions[]) => Policy;
}
