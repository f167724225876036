import { closeSync, readFileSync } from "node:fs";
import { DiskError } from "./disk-error.js";
import { checkOwnFolders } from "./folders.js";
import type { JobState, Running } from "./job-state.js";
import { isSealed, seal } from "./journal-name.js";
import { journalAt, type NotedRecord, recordsIn } from "./journal-reader.js";
import { folderOf } from "./layout.js";
import { hasItsBody, isWhole, placesOf, restore } from "./restore-records.js";
import type { Store } from "./store.js";
import { discard, openIfThere } from "./whole-file.js";

const maxAttempts = 8;

export interface CheckpointJob {
  /** Of a journal. */
  readonly name: string;
  /** It is known that nobody adds to it any more, and nobody waits for Linux to have written its sidecars back. */
  readonly isOver: boolean;
}

/**
 * Makes the sidecars durable whose records stand in a journal that nobody adds to any more, and removes it. The state
 * calls it off between two records; it is then begun anew the next time.
 */
export function checkpoint(store: Store, { name, isOver, state }: Running<CheckpointJob>): void {
  checkOwnFolders(store);
  const journal = journalAt(store.layout, name);
  if (journal === undefined || !(isOver || journal.isOver)) return;
  const sealed = isSealed(name) ? name : seal(store.layout.journals, name);
  if (sealed !== undefined) settle(store, store.layout.journal(sealed), state);
}

function settle(store: Store, path: string, state: JobState): void {
  const folders = new Set<string>();
  for (const noted of recordsIn(path)) {
    state.checkWanted();
    folders.add(makeDurable(store, noted));
  }
  for (const folder of folders) {
    state.checkWanted();
    store.sync.folder(folder);
  }
  checkOwnFolders(store);
  discard(path);
}

/**
 * Makes a record durable where it stands, and says which folder has to be synced for that, too: where the body is
 * another one, or gone, that of the body, which must not come back without this record.
 */
function makeDurable(store: Store, noted: NotedRecord): string {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (!hasItsBody(store, noted)) return folderOf(store.layout.body(noted.key));
    const place = placesOf(store, noted).find((path) => syncRecord(store, path, noted));
    if (place !== undefined) return folderOf(place);
    restore(store, noted);
  }
  throw new DiskError("busy", "the record changes faster than it can be made durable");
}

/** False when the record does not stand there whole. */
function syncRecord(store: Store, path: string, noted: NotedRecord): boolean {
  const fd = store.realFolders.isVisible(folderOf(path)) ? openIfThere(path) : undefined;
  if (fd === undefined) return false;
  try {
    if (!isWhole(readFileSync(fd, "utf8"), noted.record)) return false;
    syncOrReplace(store, fd, noted);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** A file that failed to be synced is replaced: to sync it again would succeed without having written it (fsync(2)). */
function syncOrReplace(store: Store, fd: number, noted: NotedRecord): void {
  try {
    store.sync.content(fd);
  } catch (error) {
    restore(store, noted, hasItsBody);
    throw error;
  }
}
