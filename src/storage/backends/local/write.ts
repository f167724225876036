import {
  chmodSync,
  closeSync,
  copyFileSync,
  constants as fsConstants,
  lstatSync,
  openSync,
  readSync,
  type Stats,
} from "node:fs";
import type { WriteConditions } from "../../backend.js";
import { ChecksumBuilder } from "../../checksum.js";
import { DiskError, notFound } from "./disk-error.js";
import { openObject } from "./find.js";
import { isVisibleFolder } from "./folders.js";
import { folderOf } from "./layout.js";
import { publish } from "./publish.js";
import {
  belongsTogether,
  type Described,
  type FileFingerprint,
  fingerprintOf,
  type ObjectRecord,
  type RecordDraft,
} from "./record.js";
import type { Store } from "./store.js";
import { createFlags, discardQuietly, fileMode, readFlags, stamp, writeAll } from "./whole-file.js";

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

export interface CopyJob extends WriteConditions {
  readonly from: string;
  readonly to: string;
  readonly version: string;
}

/** An upload whose parts become one object; size and checksum of the draft are found out here. */
export interface AssembleJob extends WriteJob {
  readonly parts: readonly string[];
}

const pieceBytes = 1024 * 1024;
const maxAttempts = 8;

/** Writes a small object: one job from the first byte to the last rename. */
export function putBytes(store: Store, job: WriteJob, bytes: Uint8Array): FileFingerprint {
  const temp = store.newTemp();
  const fd = openSync(temp, createFlags, fileMode);
  return putFile(store, job, temp, fd, () => writeAll(fd, bytes));
}

/** Publishes what has been streamed into a temporary file. */
export function putStreamed(store: Store, job: StreamedJob): FileFingerprint {
  const file = stamp(job.fd, bodyAt(store, job.key));
  store.sync.file(job.fd);
  return publish(store, { ...job, file });
}

function putFile(store: Store, job: WriteJob, temp: string, fd: number, fill: () => void): FileFingerprint {
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
  return lstatSync(store.layout.body(key), { throwIfNoEntry: false });
}

/** Copies an object with its description, sharing blocks where the file system can. */
export function copyObject(store: Store, job: CopyJob): Described {
  const temp = store.newTemp();
  try {
    const record = copyBody(store, job.from, temp);
    const { contentType, filename, metadata, checksum, size } = record;
    const draft: RecordDraft = { version: job.version, size, contentType, filename, metadata, checksum };
    const write: WriteJob = { key: job.to, draft, ifAbsent: job.ifAbsent, ifMatch: job.ifMatch };
    const file = putFile(store, write, temp, openSync(temp, readFlags), () => chmodSync(temp, fileMode));
    return { file, record: { ...draft, stampUs: file.stampUs } };
  } catch (error) {
    discardQuietly(temp);
    throw error;
  }
}

/** A path can only be copied by name, so the name is looked at before and after: the same inode lay there. */
function copyBody(store: Store, key: string, temp: string): ObjectRecord {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const { fd, file, record } = openObject(store, key, undefined);
    closeSync(fd);
    const body = store.layout.body(key);
    if (record === undefined || !isVisibleFolder(folderOf(body))) throw notFound(key);
    copyFileSync(body, temp, fsConstants.COPYFILE_FICLONE | fsConstants.COPYFILE_EXCL);
    const now = lstatSync(body, { throwIfNoEntry: false });
    if (now !== undefined && now.ino === file.inode && belongsTogether(file, fingerprintOf(now)))
      return record;
    discardQuietly(temp);
  }
  throw new DiskError("busy", "the object is replaced faster than it can be copied");
}

/** Joins the parts of an upload into one object. */
export function assemble(store: Store, job: AssembleJob): Described {
  const temp = store.newTemp();
  const fd = openSync(temp, createFlags, fileMode);
  const draft = { ...job.draft };
  const file = putFile(store, { ...job, draft }, temp, fd, () =>
    Object.assign(draft, joinParts(fd, job.parts)),
  );
  return { file, record: { ...draft, stampUs: file.stampUs } };
}

function joinParts(target: number, parts: readonly string[]): Pick<RecordDraft, "size" | "checksum"> {
  const builder = new ChecksumBuilder("crc32");
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let size = 0;
  for (const part of parts) size += appendFile(target, part, piece, builder);
  return { size, checksum: builder.digest() };
}

function appendFile(target: number, path: string, piece: Buffer, builder: ChecksumBuilder): number {
  const fd = openSync(path, readFlags);
  let size = 0;
  try {
    for (let length = readSync(fd, piece); length > 0; length = readSync(fd, piece)) {
      builder.update(piece.subarray(0, length));
      writeAll(target, piece.subarray(0, length));
      size += length;
    }
  } finally {
    closeSync(fd);
  }
  return size;
}
