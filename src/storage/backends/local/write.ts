import { closeSync, openSync, type Stats } from "node:fs";
import type { WriteConditions } from "../../backend.js";
import type { Running } from "./job-state.js";
import { publish } from "./publish.js";
import type { FileFingerprint, RecordDraft } from "./record.js";
import type { Store } from "./store.js";
import { createFlags, discardQuietly, fileMode, lstatIfThere, stamp, writeAll } from "./whole-file.js";

/** What every write says besides its bytes. */
export interface WriteJob extends WriteConditions {
  readonly key: string;
  readonly draft: RecordDraft;
}

/** A body that was written by streaming. Descriptor and file stay the asker's, who may ask again. */
export interface StreamedJob extends WriteJob {
  readonly temp: string;
  readonly fd: number;
}

/** Writes a small object: one job from the first byte to the last rename. */
export function putBytes(store: Store, job: Running<WriteJob>, bytes: Uint8Array): FileFingerprint {
  const temp = store.newTemp();
  const fd = openSync(temp, createFlags, fileMode);
  return putFile(store, job, temp, fd, () => writeAll(fd, bytes));
}

/** Publishes what has been streamed into a temporary file. */
export function putStreamed(store: Store, job: Running<StreamedJob>): FileFingerprint {
  const file = stamp(job.fd, bodyAt(store, job.key));
  store.sync.file(job.fd);
  return publish(store, { ...job, file });
}

/** Fills an open temporary file and publishes it; closes `fd`, and leaves no file behind when that fails. */
export function putFile(
  store: Store,
  job: Running<WriteJob>,
  temp: string,
  fd: number,
  fill: () => void,
): FileFingerprint {
  try {
    const file = seal(store, job.key, fd, fill);
    return publish(store, { ...job, temp, file });
  } catch (error) {
    discardQuietly(temp);
    throw error;
  }
}

function seal(store: Store, key: string, fd: number, fill: () => void): FileFingerprint {
  try {
    fill();
    const file = stamp(fd, bodyAt(store, key));
    store.sync.file(fd);
    return file;
  } finally {
    closeSync(fd);
  }
}

function bodyAt(store: Store, key: string): Stats | undefined {
  return lstatIfThere(store.layout.body(key));
}
