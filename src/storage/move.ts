import { checkEtag } from "./arguments.js";
import type { StorageBackend } from "./contract/backend.js";
import { InvalidArgumentError } from "./contract/error.js";
import { type Key, parseKey } from "./contract/key.js";
import type { CopyMoveOptions } from "./options.js";

/** Two different keys. */
export interface Ends {
  readonly source: Key;
  readonly target: Key;
}

/** Checks both keys of a copy or a move. */
export function toEnds(from: string, to: string): Ends {
  const [source, target] = [parseKey(from), parseKey(to)];
  if (source === target) throw new InvalidArgumentError({ message: "source and target are the same key" });
  return { source, target };
}

/** Most attempts to copy a source that is replaced meanwhile. */
const maxAttempts = 5;

/**
 * Copies one version of an object and then removes that version and no other. A version that is put meanwhile stays.
 *
 * @param copy - copies the source, or fails with `precondition_failed` where it is another version.
 */
export async function moveObject<T>(
  backend: StorageBackend,
  from: Key,
  options: CopyMoveOptions,
  copy: (sourceIfMatch: string) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const wanted = checkEtag(options.sourceIfMatch);
  for (let attempt = 1; ; attempt++) {
    const version = wanted ?? (await backend.stat(from, { signal })).etag;
    try {
      const copied = await copy(version);
      await removeVersion(backend, from, version, signal);
      return copied;
    } catch (error) {
      const isFinal = wanted !== undefined || attempt === maxAttempts || !isPrecondition(backend, error);
      // Unless the source was replaced, it is a condition of the target that does not hold.
      if (isFinal || (await backend.stat(from, { signal })).etag === version) throw error;
    }
  }
}

/** What took the place of the version, or removed it, came after the copy: there is nothing left to do. */
async function removeVersion(
  backend: StorageBackend,
  key: Key,
  version: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    if (backend.capabilities.conditionalRemove) {
      await backend.remove(key, { ifMatch: version, signal });
      return;
    }
    const { etag } = await backend.stat(key, { signal });
    if (etag === version) await backend.remove(key, { ifMatch: undefined, signal });
  } catch (error) {
    if (!isPrecondition(backend, error) && backend.classify(error).code !== "not_found") throw error;
  }
}

function isPrecondition(backend: StorageBackend, error: unknown): boolean {
  return backend.classify(error).code === "precondition_failed";
}
