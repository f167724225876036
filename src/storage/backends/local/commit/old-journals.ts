import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { descriptionOf } from "../../../contract/description.js";
import { isBusy } from "../disk/disk-error.js";
import { discard, lstatIfThere, readFlags } from "../disk/files.js";
import { checkOwnFolders } from "../disk/folders.js";
import { isGone } from "../record/lock-owner.js";
import {
  belongsTogether,
  fingerprintOf,
  type LockContent,
  type ObjectRecord,
  parseLock,
  recordText,
} from "../record/record.js";
import { ownerOfTemp } from "../record/temp-name.js";
import type { Store } from "../store.js";
import { Lock } from "./lock.js";

// Folders written before the lock-file protocol hold journals: records of durable writes whose sidecars were not durable yet.

const sealedSuffix = ".sealed";
/** Time without a new line after which a journal of another host is over. */
const foreignStaleMs = 60 * 60 * 1000;

interface NotedRecord extends LockContent {
  readonly record: ObjectRecord;
}

/**
 * Gives objects their records back whose sidecars were lost with the power.
 *
 * @returns `false` when some keys are locked, so that it has to be tried again.
 */
export function migrateJournals(store: Store): boolean {
  let isDone = true;
  for (const name of journalsIn(store)) {
    for (const noted of recordsIn(store, name)) if (!tryRestore(store, noted)) isDone = false;
  }
  return isDone;
}

/** Steps that each make the sidecars of one journal durable and remove it; the last one removes their folder. */
export function removalsOfJournals(store: Store): (() => void)[] {
  const names = journalsIn(store);
  if (store.guard.visibleFolder(store.layout.oldJournals) === undefined) return [];
  return [
    () => rmdirSync(store.guard.at(store.layout.oldJournals)),
    ...names.map((name) => () => removeJournal(store, name)),
  ];
}

function removeJournal(store: Store, name: string): void {
  const at = store.guard.at(`${store.layout.oldJournals}/${name}`);
  const stats = lstatIfThere(at);
  const owner = ownerOfTemp(name.replace(sealedSuffix, ""));
  if (!stats?.isFile() || owner === undefined) return;
  // A process of the version before may still add to it.
  if (!isGone(owner, Date.now() - stats.mtimeMs, foreignStaleMs)) return;
  for (const noted of recordsIn(store, name)) makeDurable(store, noted);
  discard(store.guard.at(`${store.layout.oldJournals}/${name}`));
}

function makeDurable(store: Store, noted: NotedRecord): void {
  if (!hasItsBody(store, noted)) return;
  if (isLost(store, noted)) restore(store, noted);
  const at = store.guard.atIfVisible(store.layout.sidecar(noted.key));
  if (at === undefined || lstatIfThere(at) === undefined) return;
  const fd = openSync(at, readFlags);
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function journalsIn({ guard, layout }: Store): string[] {
  const at = guard.visibleFolder(layout.oldJournals);
  if (at === undefined) return [];
  return readdirSync(at).filter((name) => ownerOfTemp(name.replace(sealedSuffix, "")) !== undefined);
}

/** Lines that were torn when the power failed are passed over: none of their writes was acknowledged. */
function recordsIn({ guard, layout }: Store, name: string): NotedRecord[] {
  const at = guard.at(`${layout.oldJournals}/${name}`);
  const lines = lstatIfThere(at)?.isFile()
    ? readFileSync(at, { encoding: "utf8", flag: "r" }).split("\n")
    : [];
  return lines.map(parseLock).filter((noted): noted is NotedRecord => noted?.record !== undefined);
}

/** `false` while the key is locked. What fails for another reason is tried again when the journal is removed. */
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
  const { layout, guard } = store;
  const paths = [layout.sidecar(noted.key), layout.lock(noted.key), layout.sidecar(noted.key)];
  return !paths.some((path) => isWhole(guard.readSmall(path), noted.record));
}

/** Whether the body was not replaced or removed since. One that lies behind a link counts, as the link may be removed. */
function hasItsBody(store: Store, { key, record }: NotedRecord): boolean {
  const stats = lstatIfThere(store.layout.body(key));
  return stats?.isFile() === true && belongsTogether(record, fingerprintOf(stats));
}

function isWhole(text: string | undefined, record: ObjectRecord): boolean {
  const found = text === undefined ? undefined : parseLock(text)?.record;
  return found !== undefined && belongsTogether(found, record);
}

/** Writes a record anew, as a writer does it, but without a turn at the key: under its lock, which becomes the sidecar. */
function restore(store: Store, noted: NotedRecord): void {
  checkOwnFolders(store);
  const lock = new Lock(store, store.layout.lock(noted.key), false);
  try {
    if (isLost(store, noted)) writeRecord(store, lock, noted);
    else lock.release();
  } catch (error) {
    lock.release();
    throw error;
  } finally {
    lock.close();
  }
}

function writeRecord(store: Store, lock: Lock, { key, record }: NotedRecord): void {
  const { size, version, checksum, mtimeUs } = record;
  const draft = { size, version, ...descriptionOf(record), checksum };
  lock.write(recordText(key, mtimeUs, draft, store.ownerText));
  fdatasyncSync(lock.fd);
  lock.becomeSidecar(store.layout.pathsOf(key));
}
