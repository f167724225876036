import { StreamBody } from "../content/body.js";
import type { Check } from "../content/check.js";
import { unlessAborted } from "../contract/abortable.js";
import type { CallOptions, StorageBackend } from "../contract/backend.js";
import { UnsupportedTypeError } from "../contract/error.js";
import type { Key } from "../contract/key.js";

/** Which object is checked, and what it must satisfy. */
export interface StoredCheck extends CallOptions {
  readonly key: Key;
  /** Only this version. */
  readonly ifMatch: string | undefined;
  /** Where it shall be, as the whole storage names it. */
  readonly target: string;
  readonly maxBytes: number;
  readonly checks: readonly Check[];
}

/**
 * Puts an object that is stored through checks. The whole of it is read only where a check needs that.
 *
 * @returns the ETag of the version that passed.
 */
export async function checkStored(backend: StorageBackend, wanted: StoredCheck): Promise<string> {
  const { key, ifMatch, target, maxBytes, checks, signal } = wanted;
  const opened = await backend.read(key, { range: undefined, ifMatch, signal });
  const { stat } = opened;
  const body = new StreamBody(opened.body, { maxBytes, size: stat.size, checksum: undefined });
  try {
    body.admit();
    const { contentType, filename, metadata, size } = stat;
    const claim = { key: target, contentType, filename, metadata, size };
    const decided = await unlessAborted(() => body.begin(checks, claim), signal);
    if (decided !== contentType) {
      throw new UnsupportedTypeError({ message: `the stored content is ${decided}, not ${contentType}` });
    }
    if (checks.some(({ readsAll }) => readsAll)) await drain(body);
    return stat.etag;
  } finally {
    await body.discard();
    await opened.close();
  }
}

async function drain(body: StreamBody): Promise<void> {
  for await (const _piece of body.open());
}
