import { StreamBody } from "../content/body.js";
import type { Check, ContentClaim } from "../content/check.js";
import { otherSize } from "../content/size-check.js";
import { unlessAborted } from "../contract/abortable.js";
import type { CallOptions, ObjectStat, StorageBackend } from "../contract/backend.js";
import type { Checksum } from "../contract/checksum.js";
import type { Key } from "../contract/key.js";

/** Which object is checked, and what it must satisfy. */
export interface StoredCheck extends CallOptions {
  readonly key: Key;
  /** Only this version. */
  readonly ifMatch?: string | undefined;
  /** What is said of it; what the object itself says, but for the key, unless it is given. */
  readonly claim: ContentClaim | Pick<ContentClaim, "key">;
  /** Bytes that were announced. */
  readonly size?: number | undefined;
  readonly checksum?: Checksum | undefined;
  readonly maxBytes: number;
  readonly checks: readonly Check[];
}

/** A version of an object that satisfies all checks. */
export interface CheckedObject {
  readonly etag: string;
  /** What it is. */
  readonly contentType: string;
  readonly stat: ObjectStat;
}

/** Puts an object that is stored through checks. The whole of it is read only where a check needs that. */
export async function checkStored(backend: StorageBackend, wanted: StoredCheck): Promise<CheckedObject> {
  const { key, ifMatch, maxBytes, checks, checksum, signal } = wanted;
  const opened = await backend.read(key, { range: undefined, ifMatch, signal });
  const { stat } = opened;
  const { size = stat.size } = wanted;
  const body = new StreamBody(opened.body, { maxBytes, size, checksum });
  try {
    body.admit();
    if (stat.size !== size) throw otherSize(stat.size, size);
    const { contentType, filename, metadata } = stat;
    const claim = { contentType, filename, metadata, ...wanted.claim, size };
    const decided = await unlessAborted(() => body.begin(checks, claim), signal);
    if (checksum !== undefined || checks.some(({ readsAll }) => readsAll)) await drain(body);
    return { etag: stat.etag, contentType: decided ?? claim.contentType ?? contentType, stat };
  } finally {
    await body.discard();
    await opened.close();
  }
}

async function drain(body: StreamBody): Promise<void> {
  for await (const _piece of body.open());
}
