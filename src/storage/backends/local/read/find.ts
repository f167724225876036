import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { isFailure } from "../../../contract/service-error.js";
import { busy, damaged, errnoOf, notFound } from "../disk/disk-error.js";
import { lstatIfThere, readFlags } from "../disk/files.js";
import { checkBase } from "../disk/folders.js";
import { folderOf } from "../disk/layout.js";
import {
  belongsTogether,
  type FileFingerprint,
  fingerprintOf,
  isSameFile,
  type ObjectRecord,
  parseLock,
  recordHead,
} from "../record/record.js";
import type { KnownObject } from "../record/record-cache.js";
import type { Store } from "../store.js";
import { describeForeignFile } from "./foreign-file.js";

/** An open body with its record; the caller closes `fd`. */
export interface OpenBody extends KnownObject {
  readonly fd: number;
}

/** After so many overwrites between two steps of a reader something else is wrong. */
const maxAttempts = 100;
/** Attempts on FUSE, where a rename is not atomic for readers. */
const minLooks = 3;

/**
 * Opens the body of a key and finds the record that was written with it.
 *
 * The body comes first and is held: its record is then in the sidecar, or still in the lock file, or the body has been
 * replaced meanwhile and is looked for again. A body that stays and has no record was not written by this store.
 *
 * @throws ServiceError `not_found`, also where the record names another key; `corrupt` when the record is damaged.
 */
export function openObject(store: Store, key: string): Promise<OpenBody> {
  return unlessReplaced(store, key, () => openNow(store, key));
}

async function openNow(store: Store, key: string): Promise<OpenBody> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const fd = openBody(store, key);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) throw notFound();
      const file = fingerprintOf(stats);
      const record = findRecord(store, key, file);
      if (record !== undefined) return { fd, file, record };
      if (isStillThere(store, key, file)) return { fd, ...(await keepForeignFile(store, key, fd, stats)) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
  throw busy("the object is replaced faster than it can be read");
}

/** {@link openObject} for callers that want no bytes; in the ordinary case it opens nothing. */
export async function statObject(store: Store, key: string): Promise<ObjectRecord> {
  const file = await unlessReplaced(store, key, () => fingerprintOf(lstatBody(store, key)));
  const quick = findRecord(store, key, file);
  if (quick !== undefined) return quick;
  const { fd, record } = await openObject(store, key);
  closeSync(fd);
  return record;
}

/**
 * Looks again where an object is missing and may have a record: the file systems that ignore case are often reached
 * through FUSE, which shows a reader a moment without the file, or the record, that a rename replaces.
 */
async function unlessReplaced<T>(store: Store, key: string, look: () => T | Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await look();
    } catch (error) {
      if (!isFailure(error, "not_found") || isMissing(store, key, attempt)) throw error;
    }
  }
}

function isMissing(store: Store, key: string, attempt: number): boolean {
  checkBase(store);
  if (!store.unfolds || attempt === maxAttempts) return true;
  return attempt >= minLooks && !hasRecord(store, key);
}

function hasRecord({ guard, layout }: Store, key: string): boolean {
  return [layout.sidecar(key), layout.lock(key)].some((path) => guard.readSmall(path) !== undefined);
}

/** As {@link statObject}; `undefined` where there is no object. */
export async function statIfThere(store: Store, key: string): Promise<ObjectRecord | undefined> {
  try {
    return await statObject(store, key);
  } catch (error) {
    if (isFailure(error, "not_found")) return undefined;
    throw error;
  }
}

/** The link check follows the open; opening for reading is harmless. */
function openBody({ guard, layout }: Store, key: string): number {
  const path = layout.body(key);
  const fd = tryOpen(path);
  if (guard.isReached(fd, path)) return fd;
  closeSync(fd);
  throw notFound();
}

function tryOpen(path: string): number {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENXIO") throw notFound();
    throw error;
  }
}

function lstatBody({ guard, layout }: Store, key: string): Stats {
  const path = layout.body(key);
  const stats = lstatIfThere(path);
  if (!stats?.isFile() || !guard.isVisible(folderOf(path))) throw notFound();
  return stats;
}

function isStillThere(store: Store, key: string, file: FileFingerprint): boolean {
  return isSameFile(fingerprintOf(lstatBody(store, key)), file);
}

async function keepForeignFile(store: Store, key: string, fd: number, stats: Stats): Promise<KnownObject> {
  const found = await describeForeignFile(store, key, fd, stats);
  store.records.set(key, found);
  return found;
}

/** A writer may turn the lock file into the sidecar between two looks, so the sidecar is looked at again. */
function findRecord(store: Store, key: string, file: FileFingerprint): ObjectRecord | undefined {
  const known = store.records.get(key);
  // Where dates are coarse, what another process put may have the date, size and inode of what it removed.
  const isCoarse = file.mtimeUs % 10_000 === 0 && file.mtimeUs === known?.record.mtimeUs;
  if (!isCoarse && isSameFile(file, known?.file)) return known?.record;
  const { layout } = store;
  const record =
    recordAt(store, layout.sidecar(key), key, file) ??
    recordAt(store, layout.lock(key), key, file) ??
    recordAt(store, layout.sidecar(key), key, file);
  if (record !== undefined) store.records.set(key, { file, record });
  return record;
}

/** `undefined` when the record at this path is of another body. */
function recordAt(
  { guard }: Store,
  path: string,
  key: string,
  file: FileFingerprint,
): ObjectRecord | undefined {
  const text = guard.readSmall(path);
  if (text === undefined) return undefined;
  const content = parseLock(text);
  if (content === undefined && text.startsWith(recordHead(key, file))) throw damaged();
  if (content?.record === undefined || !belongsTogether(content.record, file)) return undefined;
  if (content.key !== key) throw notFound();
  return content.record;
}
