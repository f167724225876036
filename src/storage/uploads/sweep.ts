import type { StorageBackend, UnfinishedUpload } from "../contract/backend.js";
import { isStaged, type Key, type Prefix, parseKey, stagingRoot } from "../contract/key.js";
import { codeOf, readLease } from "./lease.js";
import { longestLeaseSeconds, parseStaged, type StagedName } from "./staging.js";

/** Options of `sweep`. */
export interface SweepOptions {
  /** Only tell what would be removed. Default: false. */
  readonly dryRun?: boolean | undefined;
  /** The time by which leases are judged. Default: now. */
  readonly now?: Date | undefined;
  /** Aborts the sweep. */
  readonly signal?: AbortSignal | undefined;
}

/** What a sweep found. */
export interface SweepReport {
  /** Objects of uploads whose lease has ended: content that was sent, and leases. */
  readonly staged: number;
  /** Uploads in parts that the sweep aborted. */
  readonly uploads: number;
  /** Staged objects of uploads that are alive. */
  readonly alive: number;
  readonly isDryRun: boolean;
}

const pageSize = 1000;

/**
 * Removes what unfinished uploads left: by the end of their leases, which stands in their names, so that every process
 * decides alike. Uploads in parts without a lease are given up when they are older than any lease can be.
 */
export async function sweepUploads(backend: StorageBackend, options: SweepOptions): Promise<SweepReport> {
  const { dryRun: isDryRun = false, now = new Date(), signal } = options;
  const found = { staged: 0, uploads: 0, alive: 0 };
  for await (const objects of stagedPages(backend, signal)) {
    const ended = objects.filter(({ staged }) => staged.endsAt <= now);
    found.alive += objects.length - ended.length;
    found.staged += ended.length;
    if (!isDryRun) await removeEnded(backend, ended, signal);
  }
  const failures: unknown[] = [];
  for await (const { key, uploadId, begunAt } of backend.unfinished({ dryRun: isDryRun, signal })) {
    if (!isGivenUp({ key, begunAt }, now)) continue;
    found.uploads += 1;
    if (isDryRun) continue;
    // One that the service refuses must not keep the others from being removed.
    await backend.abortUpload(key, uploadId, { signal }).catch((error: unknown) => failures.push(error));
    signal?.throwIfAborted();
  }
  if (failures.length > 0) throw failures[0];
  return { ...found, isDryRun };
}

interface StagedObject {
  readonly key: Key;
  readonly staged: StagedName;
}

async function* stagedPages(
  backend: StorageBackend,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StagedObject[], void, undefined> {
  const asked = {
    prefix: stagingRoot as Prefix,
    delimiter: undefined,
    limit: pageSize,
    details: false,
    signal,
  };
  let cursor: string | undefined;
  do {
    const page = await backend.list({ ...asked, cursor });
    yield page.items.flatMap(({ key }) => {
      const staged = parseStaged(key);
      return staged === undefined ? [] : [{ key, staged }];
    });
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Gives up the parts that belong to a lease: those of the staged content, or of the object itself. */
async function endLease(
  backend: StorageBackend,
  at: Key,
  { scope }: StagedName,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { lease } = (await readLease(backend, at, { signal }).catch(() => undefined)) ?? {};
  if (lease?.uploadId === undefined || lease.stored !== undefined) return;
  const key = lease.isUnchecked ? parseKey(scope + lease.key) : (at.replace(/lease$/, "content") as Key);
  await backend.abortUpload(key, lease.uploadId, { signal }).catch((error: unknown) => {
    if (codeOf(backend, error) !== "not_found") throw error;
  });
}

async function removeEnded(
  backend: StorageBackend,
  ended: readonly StagedObject[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { key, staged } of ended) if (!staged.isContent) await endLease(backend, key, staged, signal);
  const keys = ended.map(({ key }) => key);
  const [failure] = keys.length === 0 ? [] : await backend.removeMany(keys, { signal });
  if (failure !== undefined) throw failure.error;
}

function isGivenUp({ key, begunAt }: Omit<UnfinishedUpload, "uploadId">, now: Date): boolean {
  const lease = isStaged(key) ? parseStaged(key) : undefined;
  if (lease !== undefined) return lease.endsAt <= now;
  return begunAt.getTime() + longestLeaseSeconds * 1000 <= now.getTime();
}
