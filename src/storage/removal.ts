import type { CallOptions, RemoveFailure, StorageBackend } from "./contract/backend.js";
import type { Key } from "./contract/key.js";

/** Most keys that a backend is asked to remove at once. */
const maxRemovals = 1000;

/** Removes any number of keys and says which failed. */
export async function removeInBatches(
  backend: StorageBackend,
  keys: readonly Key[],
  options: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const failures: RemoveFailure[] = [];
  for (let at = 0; at < keys.length; at += maxRemovals) {
    failures.push(...(await backend.removeMany(keys.slice(at, at + maxRemovals), options)));
  }
  return failures;
}
