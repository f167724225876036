import { errnoOf, isBusy } from "./disk-error.js";
import { checkOwnFolders } from "./folders.js";
import { journalsIn, type NotedRecord, recordsIn } from "./journal-reader.js";
import { isHolderGone, Lock, releaseAsSidecar } from "./lock.js";
import { belongsTogether, fingerprintOf, type ObjectRecord, parsePending, withHolder } from "./record.js";
import type { Store } from "./store.js";
import { lstatIfThere } from "./whole-file.js";

/**
 * Gives objects their records back whose sidecars were lost with the power.
 *
 * @returns `false` when some keys are locked: a machine may start in less time than a lock is respected for.
 */
export function restoreLost(store: Store): boolean {
  const foreign = journalsIn(store.layout).filter(({ isForeign }) => isForeign);
  const locked = foreign.flatMap(({ path }) =>
    recordsIfReadable(path).filter((noted) => !tryRestore(store, noted)),
  );
  return locked.length === 0;
}

/** Who may not read a journal may not read its sidecars either. */
function recordsIfReadable(path: string): readonly NotedRecord[] {
  try {
    return recordsIn(path);
  } catch (error) {
    if (errnoOf(error) === "EACCES") return [];
    throw error;
  }
}

/** `false` while the key is locked. What fails for another reason is left to the checkpoint of its journal. */
function tryRestore(store: Store, noted: NotedRecord): boolean {
  try {
    if (isLost(store, noted)) restore(store, noted);
    return true;
  } catch (error) {
    return !isBusy(error);
  }
}

/** Whether there is a body without the record that it was written with. */
function isLost(store: Store, noted: NotedRecord): boolean {
  if (!hasItsBody(store, noted)) return false;
  const [sidecar, pending] = placesOf(store, noted);
  // A writer may turn pending into sidecar between two looks.
  return ![sidecar, pending, sidecar].some((path) =>
    isWhole(store.realFolders.readSmall(path), noted.record),
  );
}

/**
 * Whether the body that a record was written with has not been replaced or removed since. One that lies behind a link
 * counts: the link may go.
 */
export function hasItsBody(store: Store, { key, record }: NotedRecord): boolean {
  const stats = lstatIfThere(store.layout.body(key));
  return stats?.isFile() === true && belongsTogether(record, fingerprintOf(stats));
}

/** Where a record can be: as a sidecar, or while its write is not quite over. */
export function placesOf(
  { layout }: Store,
  { key }: NotedRecord,
): readonly [sidecar: string, pending: string] {
  return [layout.sidecar(key), layout.pending(key)];
}

/** Whether a text is that of a record, and not of an older or newer one, nor cut off. */
export function isWhole(text: string | undefined, record: ObjectRecord): boolean {
  const found = text === undefined ? undefined : parsePending(text)?.record;
  return found !== undefined && belongsTogether(found, record);
}

/**
 * Writes a record anew, as a writer does it: under the lock of the key, which becomes the sidecar.
 *
 * @throws DiskError `busy` while another writer holds the key.
 */
export function restore(store: Store, noted: NotedRecord, isWanted: typeof isLost = isLost): void {
  checkOwnFolders(store);
  const lock = new Lock(store, noted.key, isHolderGone);
  try {
    if (isWanted(store, noted)) {
      lock.write(Buffer.from(withHolder(noted.text, restorerOf(store))));
      store.sync.content(lock.fd);
      releaseAsSidecar(store, noted.key);
    } else lock.release();
  } catch (error) {
    lock.release();
    throw error;
  } finally {
    lock.close();
  }
}

/** Not in the queue of the key's writers, and so another user to them: its lock is no left-over of one of theirs. */
function restorerOf({ holder }: Store): string {
  return JSON.stringify({ ...holder, user: `${holder.user} restoring` });
}
