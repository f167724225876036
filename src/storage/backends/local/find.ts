import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { adopt } from "./adopt.js";
import { DiskError, errnoOf, notFound } from "./disk-error.js";
import { folderOf } from "./layout.js";
import type { RealFolders } from "./real-folders.js";
import {
  belongsTogether,
  type Described,
  type FileFingerprint,
  fingerprintOf,
  isSameFile,
  noFile,
  parsePending,
  recordHead,
} from "./record.js";
import type { Store } from "./store.js";
import { lstatIfThere, readFlags } from "./whole-file.js";

/** An open body with its description; whoever gets it closes `fd`. */
export interface OpenBody {
  readonly fd: number;
  readonly found: Described;
}

/** After so many overwrites between two of our steps something else is wrong. */
const maxAttempts = 100;

/**
 * Opens the body of a key and finds the record that was written with it.
 *
 * The body comes first and is held: its record is then in the sidecar, or still pending, or the body has been
 * replaced meanwhile and we look again. A body that stays and has no record is not from this store.
 */
export function openObject(store: Store, key: string, known: FileFingerprint): OpenBody {
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

/** {@link openObject} for those who want no bytes; in the ordinary case it opens nothing. */
export function statObject(store: Store, key: string, known: FileFingerprint): Described {
  const stats = lstatBody(store, key);
  const quick = findRecord(store, key, fingerprintOf(stats), known);
  if (quick !== undefined) return quick;
  const { fd, found } = openObject(store, key, known);
  closeSync(fd);
  return found;
}

/** As {@link statObject}; `undefined` where there is no object. */
export function statIfThere(store: Store, key: string): Described | undefined {
  try {
    return statObject(store, key, noFile);
  } catch (error) {
    if (error instanceof DiskError && error.kind === "not_found") return undefined;
    throw error;
  }
}

function openBody(store: Store, key: string): number {
  const path = store.layout.body(key);
  if (!store.realFolders.isVisible(folderOf(path))) throw notFound(key);
  try {
    return openSync(path, readFlags);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENXIO")
      throw notFound(key);
    throw error;
  }
}

function lstatBody(store: Store, key: string): Stats {
  const path = store.layout.body(key);
  const stats = lstatIfThere(path);
  if (!stats?.isFile() || !store.realFolders.isVisible(folderOf(path))) throw notFound(key);
  return stats;
}

function describe(store: Store, key: string, fd: number, known: FileFingerprint): Described | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFile()) throw notFound(key);
  const file = fingerprintOf(stats);
  const found = findRecord(store, key, file, known);
  if (found !== undefined) return found;
  return isStillThere(store, key, file) ? adopt(store, key, fd, stats) : undefined;
}

function isStillThere(store: Store, key: string, file: FileFingerprint): boolean {
  const now = fingerprintOf(lstatBody(store, key));
  return isSameFile(now, file);
}

/** A writer may turn pending into sidecar between two looks, so the sidecar is looked at again. */
function findRecord(
  store: Store,
  key: string,
  file: FileFingerprint,
  known: FileFingerprint,
): Described | undefined {
  if (isSameFile(file, known)) return { file, text: undefined, record: undefined };
  const { layout, realFolders } = store;
  return (
    recordAt(realFolders, layout.sidecar(key), file) ??
    recordAt(realFolders, layout.pending(key), file) ??
    recordAt(realFolders, layout.sidecar(key), file)
  );
}

/** The text as it is where its beginning tells enough; else it is not ours, or from a version with another order. */
function recordAt(folders: RealFolders, path: string, file: FileFingerprint): Described | undefined {
  const head = recordHead(file);
  const text = folders.readSmall(path);
  if (text === undefined) return undefined;
  if (text.startsWith(head)) return { file, text, record: undefined };
  const record = parsePending(text)?.record;
  return record !== undefined && belongsTogether(record, file)
    ? { file, text: undefined, record }
    : undefined;
}
