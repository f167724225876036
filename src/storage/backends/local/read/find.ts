import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { DiskError, errnoOf, notFound } from "../disk/disk-error.js";
import { lstatIfThere, readFlags } from "../disk/files.js";
import { folderOf } from "../disk/layout.js";
import {
  belongsTogether,
  type DescribedFile,
  type FileFingerprint,
  fingerprintOf,
  isSameFile,
  parseLock,
  recordHead,
} from "../record/record.js";
import type { Store } from "../store.js";
import { describeForeignFile } from "./foreign-file.js";

/** An open body with its description; the caller closes `fd`. */
export interface OpenBody {
  readonly fd: number;
  readonly found: DescribedFile;
}

/** After so many overwrites between two steps of a reader something else is wrong. */
const maxAttempts = 100;
/** Where a rename has a moment without the file. */
const minLooks = 3;

/**
 * Opens the body of a key and finds the record that was written with it.
 *
 * The body comes first and is held: its record is then in the sidecar, or still in the lock file, or the body has been
 * replaced meanwhile and is looked for again. A body that stays and has no record was not written by this store.
 *
 * @param known - the newest body that the caller has a record of.
 * @throws DiskError `not_found`, also where the record names another key; `corrupt` when the record is damaged.
 */
export function openObject(store: Store, key: string, known: FileFingerprint | undefined): OpenBody {
  return unlessReplaced(store, key, () => openNow(store, key, known));
}

function openNow(store: Store, key: string, known: FileFingerprint | undefined): OpenBody {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const fd = openBody(store, key);
    try {
      const found = describe(store, key, fd, known);
      if (found !== undefined) return { fd, found };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
  throw new DiskError("busy", "the object is replaced faster than it can be read");
}

/** {@link openObject} for callers that want no bytes; in the ordinary case it opens nothing. */
export function statObject(store: Store, key: string, known: FileFingerprint | undefined): DescribedFile {
  const file = unlessReplaced(store, key, () => fingerprintOf(lstatBody(store, key)));
  const quick = findRecord(store, key, file, known);
  if (quick !== undefined) return quick;
  const { fd, found } = openObject(store, key, known);
  closeSync(fd);
  return found;
}

/**
 * Looks again where an object is missing and may have a record: the file systems that ignore case are often reached
 * through FUSE, which shows a reader a moment without the file, or the record, that a rename replaces.
 */
function unlessReplaced<T>(store: Store, key: string, look: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return look();
    } catch (error) {
      if (!store.unfolds || attempt === maxAttempts || !isNotFound(error)) throw error;
      if (attempt >= minLooks && !hasRecord(store, key)) throw error;
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof DiskError && error.kind === "not_found";
}

function hasRecord({ guard, layout }: Store, key: string): boolean {
  return [layout.sidecar(key), layout.lock(key)].some((path) => guard.readSmall(path) !== undefined);
}

/** As {@link statObject}; `undefined` where there is no object. */
export function statIfThere(store: Store, key: string): DescribedFile | undefined {
  try {
    return statObject(store, key, undefined);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A link on the way is noticed after the file was opened, which a reader does no harm by. */
function openBody({ guard, layout }: Store, key: string): number {
  const path = layout.body(key);
  const fd = tryOpen(path, key);
  if (guard.isReached(fd, path)) return fd;
  closeSync(fd);
  throw notFound(key);
}

function tryOpen(path: string, key: string): number {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENXIO")
      throw notFound(key);
    throw error;
  }
}

function lstatBody({ guard, layout }: Store, key: string): Stats {
  const path = layout.body(key);
  const stats = lstatIfThere(path);
  if (!stats?.isFile() || !guard.isVisible(folderOf(path))) throw notFound(key);
  return stats;
}

function describe(
  store: Store,
  key: string,
  fd: number,
  known: FileFingerprint | undefined,
): DescribedFile | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFile()) throw notFound(key);
  const file = fingerprintOf(stats);
  const found = findRecord(store, key, file, known);
  if (found !== undefined) return found;
  const isStillThere = isSameFile(fingerprintOf(lstatBody(store, key)), file);
  return isStillThere ? describeForeignFile(store, key, fd, stats) : undefined;
}

/** A writer may turn the lock file into the sidecar between two looks, so the sidecar is looked at again. */
function findRecord(
  store: Store,
  key: string,
  file: FileFingerprint,
  known: FileFingerprint | undefined,
): DescribedFile | undefined {
  if (isSameFile(file, known)) return { file, text: undefined, record: undefined };
  const { layout } = store;
  return (
    recordAt(store, layout.sidecar(key), key, file) ??
    recordAt(store, layout.lock(key), key, file) ??
    recordAt(store, layout.sidecar(key), key, file)
  );
}

/** The text as it is where its beginning tells enough; else it is of another body, or its fields are in another order. */
function recordAt(
  { guard }: Store,
  path: string,
  key: string,
  file: FileFingerprint,
): DescribedFile | undefined {
  const text = guard.readSmall(path);
  if (text === undefined) return undefined;
  if (text.startsWith(recordHead(key, file))) return { file, text, record: undefined };
  const content = parseLock(text);
  if (content?.record === undefined || !belongsTogether(content.record, file)) return undefined;
  if (content.key !== key) throw notFound(key);
  return { file, text: undefined, record: content.record };
}
