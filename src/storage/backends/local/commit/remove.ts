import { ServiceError } from "../../../contract/service-error.js";
import { conditionFailed, errnoOf } from "../disk/disk-error.js";
import { discard, lstatIfThere } from "../disk/files.js";
import { checkBase, checkOwnFolders, prune } from "../disk/folders.js";
import { folderOf } from "../disk/layout.js";
import { statIfThere } from "../read/find.js";
import { lockText } from "../record/record.js";
import { randomToken } from "../record/temp-name.js";
import type { Store } from "../store.js";
import { Lock } from "./lock.js";

export interface RemoveJob {
  readonly key: string;
  /** The only version of the object that may be removed, decided under the lock of the key. */
  readonly ifMatch?: string | undefined;
}

/** Removes an object; resolves to whether this call did it. Folders that became empty are removed, too. */
export async function removeObject(store: Store, job: RemoveJob): Promise<boolean> {
  if (!isObject(store, job.key)) {
    checkBase(store);
    return false;
  }
  const lock = tryLock(store, job);
  if (lock === undefined) return removeWithoutLock(store, job);
  try {
    const { sync, layout } = store;
    if (sync.isDurable) await Promise.all([sync.content(lock.fd), sync.folder(layout.locks)]);
    return await removeLocked(store, job, lock);
  } finally {
    lock.release();
    lock.close();
    pruneAll(store, job.key);
  }
}

async function removeLocked(store: Store, { key, ifMatch }: RemoveJob, lock: Lock): Promise<boolean> {
  // Where the metadata cannot be read nothing is removed.
  const isSidecarVisible = store.guard.isVisible(folderOf(store.layout.sidecar(key)));
  if (ifMatch !== undefined) await checkVersion(store, key, ifMatch);
  if (ifMatch !== undefined || store.sync.isDurable) lock.checkHeld();
  if (!(await removeBody(store, key))) return false;
  if (isSidecarVisible) removeSidecar(store, key);
  return true;
}

async function removeBody(store: Store, key: string): Promise<boolean> {
  const body = store.layout.body(key);
  if (!isObject(store, key) || !discard(store.guard.at(body))) return false;
  store.records.delete(key);
  await store.sync.folder(folderOf(body));
  return true;
}

/** A disk may be too full even for a lock. Removing the body needs no lock, and a sidecar without a body may stay. */
async function removeWithoutLock(store: Store, job: RemoveJob): Promise<boolean> {
  if (job.ifMatch !== undefined)
    throw new ServiceError("quota_exceeded", "the disk has no room for the lock of the key");
  if (!(await removeBody(store, job.key))) return false;
  const lock = tryLock(store, job);
  if (lock !== undefined) {
    removeSidecar(store, job.key);
    lock.release();
    lock.close();
  }
  pruneAll(store, job.key);
  return true;
}

async function checkVersion(store: Store, key: string, ifMatch: string): Promise<void> {
  const record = await statIfThere(store, key);
  if (record !== undefined && record.version !== ifMatch) throw conditionFailed();
}

/** The removal has happened: a sidecar without a body may stay where it cannot be removed. */
function removeSidecar({ layout, guard }: Store, key: string): void {
  try {
    const body = guard.atIfVisible(layout.body(key));
    if (body === undefined || lstatIfThere(body) === undefined) discard(guard.at(layout.sidecar(key)));
  } catch {}
}

function pruneAll(store: Store, key: string): void {
  const { layout } = store;
  prune(store, layout.base, folderOf(layout.body(key)));
  prune(store, layout.meta, folderOf(layout.sidecar(key)));
}

function tryLock(store: Store, { key }: RemoveJob): Lock | undefined {
  checkOwnFolders(store);
  let lock: Lock | undefined;
  try {
    lock = new Lock(store, store.layout.lock(key));
    lock.write(lockText(key, randomToken(), store.ownerText));
    return lock;
  } catch (error) {
    lock?.release();
    lock?.close();
    const errno = errnoOf(error);
    if (errno === "ENOSPC" || errno === "EDQUOT") return undefined;
    throw error;
  }
}

function isObject(store: Store, key: string): boolean {
  const at = store.guard.atIfVisible(store.layout.body(key));
  const stats = at === undefined ? undefined : lstatIfThere(at);
  return stats?.isFile() === true;
}
