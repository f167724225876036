import { chmodSync, closeSync, copyFileSync, constants as fsConstants, openSync } from "node:fs";
import type { WriteConditions } from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import { appendFile } from "./assemble.js";
import { DiskError, notFound } from "./disk-error.js";
import { type OpenBody, openObject } from "./find.js";
import { checkOwnFolders } from "./folders.js";
import type { JobState, Running } from "./job-state.js";
import { folderOf } from "./layout.js";
import {
  type Described,
  fingerprintOf,
  isSameFile,
  noFile,
  type ObjectRecord,
  type RecordDraft,
  recordOf,
} from "./record.js";
import type { Store } from "./store.js";
import { createFlags, discardQuietly, fileMode, lstatIfThere, readFlags } from "./whole-file.js";
import { putFile, type WriteJob } from "./write.js";

export interface CopyJob extends WriteConditions {
  readonly from: string;
  readonly to: string;
  readonly version: string;
  /** The only version of the source that may be copied. */
  readonly sourceIfMatch?: string | undefined;
}

/** Below this it costs more to find out whether blocks can be shared than to copy them. */
const minCloneBytes = 1024 * 1024;

/** Copies an object with its description, sharing blocks where the file system can. */
export function copyObject(store: Store, job: Running<CopyJob>): Described {
  const { to: key, version, ifAbsent, ifMatch, state } = job;
  checkOwnFolders(store);
  const temp = store.newTemp();
  try {
    const source = copyBody(store, job, temp);
    const { checksum, size } = source;
    const draft: RecordDraft = { size, version, ...descriptionOf(source), checksum };
    const write: Running<WriteJob> = { key, ifAbsent, ifMatch, state };
    const stampUs = putFile(store, write, temp, openSync(temp, readFlags), () => {
      chmodSync(temp, fileMode);
      return draft;
    });
    const record = { ...draft, stampUs };
    return { file: record, record };
  } catch (error) {
    discardQuietly(temp);
    throw error;
  }
}

function copyBody(store: Store, job: Running<CopyJob>, temp: string): ObjectRecord {
  const { from: key, sourceIfMatch, state } = job;
  const path = store.layout.body(key);
  const opened = openObject(store, key, noFile);
  try {
    const record = recordOf(opened.found);
    if (record === undefined || !store.realFolders.isVisible(folderOf(path))) throw notFound(key);
    if (sourceIfMatch !== undefined && record.version !== sourceIfMatch) {
      throw new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
    }
    const isCloned = opened.found.file.size >= minCloneBytes && tryClone(path, temp, opened);
    if (!isCloned) copyPieces(opened.fd, temp, state);
    return record;
  } finally {
    closeSync(opened.fd);
  }
}

/** A path can only be cloned by name, so the name is looked at afterwards: the same file lies there. */
function tryClone(path: string, temp: string, { found: { file } }: OpenBody): boolean {
  try {
    copyFileSync(path, temp, fsConstants.COPYFILE_FICLONE_FORCE | fsConstants.COPYFILE_EXCL);
    const now = lstatIfThere(path);
    if (now !== undefined && isSameFile(fingerprintOf(now), file)) return true;
  } catch {
    // Most file systems cannot share blocks.
  }
  discardQuietly(temp);
  return false;
}

function copyPieces(source: number, temp: string, state: JobState): void {
  const target = openSync(temp, createFlags, fileMode);
  try {
    appendFile(target, source, state);
  } finally {
    closeSync(target);
  }
}
