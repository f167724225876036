import { setTimeout as after } from "node:timers/promises";
import { StorageError, storageError, TimeoutError } from "../contract/error.js";
import type { Storage } from "../storage.js";

/**
 * Reaches the backend once, so that a service that cannot store anything does not start.
 *
 * @throws StorageError with the code of the failure, saying which backend cannot be used.
 */
export async function testConnection(storage: Storage, timeoutMs: number): Promise<void> {
  const abort = new AbortController();
  const { name } = storage.backend;
  try {
    await Promise.race([
      storage.check({ signal: abort.signal }),
      after(timeoutMs, undefined, { signal: abort.signal, ref: false }).then(() => {
        throw new TimeoutError({ message: `no answer within ${timeoutMs} ms` });
      }),
    ]);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const { code, message, operation, retryAfterMs } = error;
    const details = { operation, retryAfterMs, backend: name, cause: error };
    throw storageError(code, { ...details, message: `${name} cannot be used: ${message}` });
  } finally {
    abort.abort();
  }
}
