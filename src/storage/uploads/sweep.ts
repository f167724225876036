import type { CallOptions, StorageBackend, UnfinishedUpload } from "../contract/backend.js";
import { isStaged, type Key, type Prefix, parseKey, stagingRoot } from "../contract/key.js";
import { listPage, pages } from "../listing.js";
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

/** One sweep. What it could not remove is told at its end: it must not keep the others from being removed. */
interface Sweep extends CallOptions {
  readonly backend: StorageBackend;
  readonly now: Date;
  readonly isDryRun: boolean;
  readonly fail: (error: unknown) => void;
}

/**
 * Removes what unfinished uploads left: by the end of their leases, which stands in their names, so that every process
 * decides alike. Uploads in parts without a lease are given up when they are older than any lease can be.
 */
export async function sweepUploads(backend: StorageBackend, options: SweepOptions): Promise<SweepReport> {
  const { dryRun: isDryRun = false, now = new Date(), signal } = options;
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    signal?.throwIfAborted();
    failures.push(error);
  };
  const sweep: Sweep = { backend, now, isDryRun, signal, fail };
  const uploads = await sweepParts(sweep);
  const staged = await sweepStaged(sweep);
  if (failures.length > 0) throw failures[0];
  return { ...staged, uploads, isDryRun };
}

/** @returns how many uploads in parts were given up; before their leases, so that a dry run counts the same. */
async function sweepParts({ backend, now, isDryRun, signal, fail }: Sweep): Promise<number> {
  let uploads = 0;
  try {
    for await (const { key, uploadId, begunAt } of backend.unfinished({ dryRun: isDryRun, signal })) {
      if (!isGivenUp({ key, begunAt }, now)) continue;
      uploads += 1;
      if (!isDryRun) await backend.abortUpload(key, uploadId, { signal }).catch(fail);
    }
  } catch (error) {
    fail(error);
  }
  return uploads;
}

async function sweepStaged(sweep: Sweep): Promise<Pick<SweepReport, "staged" | "alive">> {
  const found = { staged: 0, alive: 0 };
  for await (const objects of stagedPages(sweep.backend, sweep.signal)) {
    const ended = objects.filter(({ staged }) => staged.endsAt <= sweep.now);
    found.alive += objects.length - ended.length;
    found.staged += ended.length;
    if (!sweep.isDryRun) await removeEnded(sweep, ended);
  }
  return found;
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
  for await (const { items } of pages((cursor) => listPage(backend, { ...asked, cursor }))) {
    yield items.flatMap(({ key }) => {
      const staged = parseStaged(key);
      return staged === undefined ? [] : [{ key, staged }];
    });
  }
}

/** Gives up the parts that belong to a lease: those of the staged content, or of the object itself. */
async function endLease({ backend, signal }: Sweep, { key: at, staged }: StagedObject): Promise<void> {
  const { lease } = (await readLease(backend, at, { signal }).catch(ignoreDamage(backend))) ?? {};
  if (lease?.uploadId === undefined || lease.stored !== undefined) return;
  const key = lease.isUnchecked
    ? parseKey(staged.scope + lease.key)
    : (at.replace(/lease$/, "content") as Key);
  await backend.abortUpload(key, lease.uploadId, { signal }).catch((error: unknown) => {
    if (codeOf(backend, error) !== "not_found") throw error;
  });
}

/** A lease that cannot be read now can be later; one that is damaged tells nothing any more. */
function ignoreDamage(backend: StorageBackend): (error: unknown) => undefined {
  return (error) => {
    if (codeOf(backend, error) !== "corrupt") throw error;
  };
}

/** A lease whose parts are still there stays for the next sweep. */
async function removeEnded(sweep: Sweep, ended: readonly StagedObject[]): Promise<void> {
  const { backend, signal, fail } = sweep;
  const keys: Key[] = [];
  for (const object of ended) {
    const { key, staged } = object;
    try {
      if (!staged.isContent) await endLease(sweep, object);
      keys.push(key);
    } catch (error) {
      fail(error);
    }
  }
  const left = keys.length === 0 ? [] : await backend.removeMany(keys, { signal });
  for (const { error } of left) fail(error);
}

function isGivenUp({ key, begunAt }: Omit<UnfinishedUpload, "uploadId">, now: Date): boolean {
  const lease = isStaged(key) ? parseStaged(key) : undefined;
  if (lease !== undefined) return lease.endsAt <= now;
  return begunAt.getTime() + longestLeaseSeconds * 1000 <= now.getTime();
}
