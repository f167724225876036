import { createHash } from "node:crypto";
import { VerifiedReader } from "../content/verified-reader.js";
import type { CallOptions, ObjectStat, OpenedObject, StorageBackend } from "../contract/backend.js";
import { isSameDescription } from "../contract/description.js";
import { type Key, parseKey } from "../contract/key.js";
import { piecesOf } from "../contract/opened.js";
import type { Claim } from "./claim.js";
import { codeOf, type Lease } from "./lease.js";
import { contentKey } from "./staging.js";

/**
 * The object that a completion before this one published, if its process died before it could say so: its conditions do
 * not hold any more, as it fulfilled them itself. The object must be as this upload makes it, and the content must be the
 * version that passed.
 */
export async function findPublished(
  backend: StorageBackend,
  { id, lease }: Pick<Claim, "id" | "lease">,
): Promise<ObjectStat | undefined> {
  const options = { signal: undefined };
  if (lease.publishing === undefined) return undefined;
  const target = parseKey(lease.key);
  const stored = await unlessMissing(backend, () => backend.stat(target, options));
  if (stored === undefined || !isDescribed(stored, lease)) return undefined;
  const staged = await digestOf(backend, contentKey(id), lease.publishing, options);
  if (staged === undefined) return undefined;
  return (await digestOf(backend, target, stored.etag, options)) === staged ? stored : undefined;
}

/** The type is the one that the checks decided, so it can differ. */
function isDescribed(stored: ObjectStat, { description, size = stored.size }: Lease): boolean {
  const { contentType } = description;
  return stored.size === size && isSameDescription({ ...stored, contentType }, description);
}

/** The digest of one version; `undefined` when another one is there, or none. */
async function digestOf(
  backend: StorageBackend,
  key: Key,
  ifMatch: string,
  { signal }: CallOptions,
): Promise<string | undefined> {
  const opened = await unlessMissing(backend, () => backend.read(key, { range: undefined, ifMatch, signal }));
  return opened === undefined ? undefined : hashed(opened);
}

async function hashed(opened: OpenedObject): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const piece of piecesOf(new VerifiedReader(opened))) hash.update(piece);
    return hash.digest("hex");
  } finally {
    await opened.close();
  }
}

async function unlessMissing<T>(backend: StorageBackend, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (["not_found", "precondition_failed"].includes(codeOf(backend, error))) return undefined;
    throw error;
  }
}
