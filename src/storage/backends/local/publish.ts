import { linkSync, renameSync } from "node:fs";
import type { WriteConditions } from "../../backend.js";
import { DiskError, errnoOf } from "./disk-error.js";
import { statIfThere } from "./find.js";
import { clearEmptyFolder, makeFolder, prune } from "./folders.js";
import type { JobState } from "./job-state.js";
import { folderOf } from "./layout.js";
import { acquire, releaseAsSidecar } from "./lock.js";
import { type FileFingerprint, fingerprintOf, pendingText, type RecordDraft } from "./record.js";
import type { Store } from "./store.js";
import { discardQuietly, isOutrun, lstatIfThere } from "./whole-file.js";

const maxAttempts = 8;

/** A body that is complete, stamped and durable, and what shall be known of it. */
export interface Publication extends WriteConditions {
  readonly key: string;
  readonly temp: string;
  readonly file: FileFingerprint;
  readonly draft: RecordDraft;
  readonly state: JobState;
}

/**
 * Makes a written body the object of its key. The rename of the body is the only instant that counts: before
 * it the old object stands, after it the new one with its record. The record is durable before, so whoever
 * comes after a crash can tell on which side of that instant it happened.
 */
export function publish(store: Store, publication: Publication): FileFingerprint {
  const { key, draft, file } = publication;
  const body = store.layout.body(key);
  makeFolder(store, folderOf(body), key);
  const text = pendingText(key, draft.version, store.holderText, JSON.stringify(draft), file.stampUs);
  acquire(store, key, text);
  try {
    checkConditions(store, publication);
    publication.state.checkWanted();
    place(store, publication);
  } catch (error) {
    discardQuietly(store.layout.pending(key));
    prune(store.layout.base, folderOf(body));
    throw error;
  }
  settle(store, key);
  return file;
}

/** The body is visible, so the write happened: readers find its record where it is pending, too. */
function settle(store: Store, key: string): void {
  // Before the pending record goes: else a power failure could leave the old body beside the new record.
  store.sync.folder(folderOf(store.layout.body(key)));
  try {
    releaseAsSidecar(store, key);
  } catch {
    // No room for a folder, say: the next writer of the key, or the next process, puts the record away.
  }
}

function checkConditions(store: Store, publication: Publication): void {
  const { key, file, ifAbsent, ifMatch } = publication;
  const body = store.layout.body(key);
  const old = lstatIfThere(body);
  if (old?.isDirectory()) clearEmptyFolder(store.layout, body);
  if (old?.isFile() && isOutrun(file, fingerprintOf(old)))
    throw new DiskError("busy", "another write came first");
  if (ifAbsent && old !== undefined && !old.isDirectory()) throw existsAlready(key);
  if (ifMatch === undefined) return;
  if (statIfThere(store, key)?.record?.version !== ifMatch) {
    throw new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
  }
}

/** Others may prune the folder, or put a file where a folder was, until the very last moment. */
function place(store: Store, publication: Publication): void {
  const body = store.layout.body(publication.key);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const errno = tryPlace(publication, body);
    if (errno === undefined) return;
    if (errno === "EISDIR") clearEmptyFolder(store.layout, body);
    else makeFolder(store, folderOf(body), publication.key);
  }
  throw new DiskError("busy", "the folder of the key changes too fast");
}

/** The errno of a failure that can be mended. */
function tryPlace({ key, temp, ifAbsent }: Publication, body: string): string | undefined {
  try {
    if (ifAbsent) moveIfAbsent(temp, body);
    else renameSync(temp, body);
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST" && ifAbsent) throw existsAlready(key);
    if (errno === "EISDIR" || errno === "ENOENT" || errno === "ENOTDIR") return errno;
    throw error;
  }
}

/** Unlike rename(2), link(2) never replaces, not even a file that something else put there. */
function moveIfAbsent(temp: string, body: string): void {
  linkSync(temp, body);
  discardQuietly(temp);
}

function existsAlready(key: string): DiskError {
  return new DiskError("precondition_failed", `there is an object '${key}' already`);
}
