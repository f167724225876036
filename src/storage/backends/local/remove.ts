import { DiskError, errnoOf } from "./disk-error.js";
import { statIfThere } from "./find.js";
import { prune } from "./folders.js";
import type { Running } from "./job-state.js";
import { folderOf } from "./layout.js";
import { acquire, giveBack } from "./lock.js";
import { lockText, recordOf } from "./record.js";
import type { Store } from "./store.js";
import { discard, lstatIfThere } from "./whole-file.js";

export interface RemoveJob {
  readonly key: string;
  /** Random; tells this removal from others. */
  readonly version: string;
  /** The only version of the object that may be removed. */
  readonly ifMatch?: string | undefined;
}

/** Removes an object; resolves to whether this call did it. Its folders go when they are empty. */
export function removeObject(store: Store, job: Running<RemoveJob>): boolean {
  const body = store.layout.body(job.key);
  if (!isObject(store, body)) return false;
  if (tryLock(store, job)) return removeLocked(store, job);
  // Only the lock decides a condition.
  if (job.ifMatch !== undefined)
    throw new DiskError("quota_exceeded", "the disk has no room for the lock of the key");
  // The disk is too full even for a lock. To remove the body needs none, and the sidecar can wait.
  job.state.checkWanted();
  if (!discard(body)) return false;
  store.sync.folder(folderOf(body));
  if (tryLock(store, job)) removeLocked(store, job);
  return true;
}

function removeLocked(store: Store, { key, ifMatch, state }: Running<RemoveJob>): boolean {
  const { layout } = store;
  const body = layout.body(key);
  const sidecar = layout.sidecar(key);
  try {
    // Where the metadata cannot be looked at nothing is removed.
    const wasSidecarOurs = store.realFolders.isVisible(folderOf(sidecar));
    if (isObject(store, body)) state.checkWanted();
    if (ifMatch !== undefined) checkVersion(store, key, ifMatch);
    const wasThere = isObject(store, body) && discard(body);
    if (wasThere) store.sync.folder(folderOf(body));
    if (wasSidecarOurs) discardLeft(store, key);
    return wasThere;
  } finally {
    giveBack(store, layout.pending(key));
    prune(store, layout.base, folderOf(body));
    prune(store, layout.meta, folderOf(sidecar));
  }
}

function checkVersion(store: Store, key: string, ifMatch: string): void {
  const described = statIfThere(store, key);
  if (described === undefined || recordOf(described)?.version === ifMatch) return;
  throw new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
}

/** The removal has happened, and to sync it may have taken long: a sidecar without a body may stay. */
function discardLeft({ layout, realFolders }: Store, key: string): void {
  const sidecar = layout.sidecar(key);
  try {
    if (realFolders.isVisible(folderOf(sidecar)) && lstatIfThere(layout.body(key)) === undefined)
      discard(sidecar);
  } catch {}
}

function tryLock(store: Store, { key, version }: RemoveJob): boolean {
  try {
    acquire(store, key, lockText(key, version, store.holderText));
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOSPC" || errno === "EDQUOT") return false;
    throw error;
  }
}

function isObject({ realFolders }: Store, body: string): boolean {
  return realFolders.isVisible(folderOf(body)) && lstatIfThere(body)?.isFile() === true;
}
