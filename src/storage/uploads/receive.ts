import { StreamBody } from "../content/body.js";
import type { StorageBackend } from "../contract/backend.js";
import type { Key } from "../contract/key.js";
import { noUpload, readLease } from "./lease.js";
import { parseStaged } from "./staging.js";

/** Content that a client sends by the request of the file route. */
export interface Received {
  readonly source: AsyncIterable<Uint8Array>;
  /** As its request was signed. */
  readonly size: number;
  readonly signal: AbortSignal;
}

/**
 * Writes content into staging, with the description of its lease. It is checked when the upload is completed.
 *
 * @throws FileNotFoundError when the upload is over.
 */
export async function receiveStaged(
  backend: StorageBackend,
  key: Key,
  { source, size, signal }: Received,
): Promise<void> {
  const name = parseStaged(key);
  if (name?.isContent !== true) throw noUpload();
  const found = await readLease(backend, key.replace(/content$/, "lease") as Key, { signal });
  if (found === undefined) throw noUpload();
  const { lease } = found;
  if (lease.stored !== undefined || lease.size !== size) throw noUpload();
  const body = new StreamBody(source, { maxBytes: size, size, checksum: undefined });
  await backend.write(key, body, { ...lease.description, ifAbsent: false, ifMatch: undefined, signal });
}
