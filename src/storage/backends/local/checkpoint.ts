import { closeSync, readFileSync } from "node:fs";
import { DiskError, isBusy } from "./disk-error.js";
import type { JobState, Running } from "./job-state.js";
import { journalAt, journalsIn, type NotedRecord, recordsIn } from "./journal-reader.js";
import { folderOf } from "./layout.js";
import { isHolderGone, Lock, releaseAsSidecar } from "./lock.js";
import { belongsTogether, fingerprintOf, type ObjectRecord, parsePending } from "./record.js";
import type { Store } from "./store.js";
import { discard, lstatIfThere, openIfThere, readSmall } from "./whole-file.js";

const maxAttempts = 8;
const lockedMs = 3000;
const pauseMs = 100;

export interface CheckpointJob {
  /** Of a journal. */
  readonly name: string;
  /** It is known that nobody adds to it any more, and nobody waits for Linux to have written its sidecars back. */
  readonly isOver: boolean;
}

/**
 * Makes the sidecars durable whose records stand in a journal that nobody adds to any more, and removes it. The state
 * calls it off between two records; what is left is done the next time.
 */
export function checkpoint(store: Store, { name, isOver, state }: Running<CheckpointJob>): void {
  const journal = journalAt(store.layout, name);
  if (journal !== undefined && (isOver || journal.isOver)) settleJournal(store, journal.path, state);
}

/** Does so with all journals that have `maxBytes` at most. A full disk, say, shall not keep a store from being opened. */
export function checkpointSmall(store: Store, state: JobState, maxBytes: number): void {
  if (!store.sync.isDurable) return;
  for (const { path, size, isOver } of journalsIn(store.layout)) {
    if (isOver && size <= maxBytes) quietly(() => settleJournal(store, path, state));
  }
}

/**
 * Gives objects their records back whose sidecars were lost with the power. A machine that starts in less time than a
 * lock without a name is respected for has to wait for it.
 */
export function restoreLost(store: Store): void {
  let lost = journalsIn(store.layout)
    .filter(({ isForeign }) => isForeign)
    .flatMap(({ path }) => recordsIn(path));
  for (const deadlineMs = performance.now() + lockedMs; ; pause()) {
    lost = lost.filter((noted) => isHeldUp(store, noted));
    if (lost.length === 0 || performance.now() > deadlineMs) return;
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
}

/** Restores a record if need be, unless its key is locked; what fails for another reason is left to the next opening. */
function isHeldUp(store: Store, noted: NotedRecord): boolean {
  try {
    if (isLost(store, noted)) restore(store, noted);
    return false;
  } catch (error) {
    return isBusy(error);
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The journal stays, and with it what is left to do.
  }
}

function settleJournal(store: Store, path: string, state: JobState): void {
  const folders = new Set<string>();
  for (const noted of recordsIn(path)) {
    state.checkWanted();
    const folder = keep(store, noted);
    if (folder !== undefined) folders.add(folder);
  }
  for (const folder of folders) store.sync.folder(folder);
  discard(path);
}

/** Makes a record durable where it stands, and says which folder has to be synced for that, too. */
function keep(store: Store, noted: NotedRecord): string | undefined {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (!isThere(store, noted)) return undefined;
    const place = placesOf(store, noted).find((path) => syncRecord(store, path, noted.record));
    if (place !== undefined) return folderOf(place);
    restore(store, noted);
  }
  throw new DiskError("busy", "the record changes faster than it can be made durable");
}

/** Whether the body that a record was written with has not been replaced or removed since. */
function isThere(store: Store, { key, record }: NotedRecord): boolean {
  const stats = lstatIfThere(store.layout.body(key));
  return stats?.isFile() === true && belongsTogether(record, fingerprintOf(stats));
}

/** False when the record does not stand there whole. */
function syncRecord({ sync }: Store, path: string, record: ObjectRecord): boolean {
  const fd = openIfThere(path);
  if (fd === undefined) return false;
  try {
    if (!isWhole(readFileSync(fd, "utf8"), record)) return false;
    sync.content(fd);
    return true;
  } finally {
    closeSync(fd);
  }
}

function isWhole(text: string | undefined, record: ObjectRecord): boolean {
  const found = text === undefined ? undefined : parsePending(text)?.record;
  return found !== undefined && belongsTogether(found, record);
}

/** Whether there is a body without the record that it was written with. */
function isLost(store: Store, noted: NotedRecord): boolean {
  if (!isThere(store, noted)) return false;
  const [sidecar, pending] = placesOf(store, noted);
  // A writer may turn pending into sidecar between two looks.
  return ![sidecar, pending, sidecar].some((path) => isWhole(readSmall(path), noted.record));
}

/** Where a record can be: as a sidecar, or while its write is not quite over. */
function placesOf({ layout }: Store, { key }: NotedRecord): readonly [sidecar: string, pending: string] {
  return [layout.sidecar(key), layout.pending(key)];
}

/** Under the lock of the key, as a writer does it. */
function restore(store: Store, noted: NotedRecord): void {
  const lock = new Lock(store, noted.key, isHolderGone);
  try {
    if (isLost(store, noted)) writeAgain(store, lock, noted);
    else lock.release();
  } catch (error) {
    lock.release();
    throw error;
  } finally {
    lock.close();
  }
}

function writeAgain(store: Store, lock: Lock, { key, text }: NotedRecord): void {
  lock.write(Buffer.from(text));
  store.sync.content(lock.fd);
  releaseAsSidecar(store, key);
}
