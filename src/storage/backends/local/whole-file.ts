import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { errnoOf } from "./disk-error.js";
import { type FileFingerprint, fingerprintOf } from "./record.js";

/** Flags for a file that must be new, and that no planted link may redirect. */
export const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Flags for a file that may be anything by now: links are refused, pipes do not block. */
export const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Mode of every file: nobody else, never executable. */
export const fileMode = 0o600;
/** Mode of every folder. */
export const folderMode = 0o700;

const maxRecordBytes = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(maxRecordBytes);
let serial = Math.floor(Math.random() * 1000);

/** Writes all of it; write(2) may stop early when the disk is nearly full. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(fd, bytes, written, bytes.byteLength - written);
}

/**
 * Gives a body its stamp: the time in milliseconds and three digits that another write does not repeat.
 * It is read back, for not every file system keeps microseconds.
 */
export function stamp(fd: number): FileFingerprint {
  serial = (serial + 1) % 1000;
  const seconds = (Date.now() * 1000 + serial) / 1_000_000;
  futimesSync(fd, seconds, seconds);
  return fingerprintOf(fstatSync(fd));
}

/** The text of a small file, or `undefined` when there is none; a longer one is cut and so does not parse. */
export function readSmall(path: string): string | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    return scratch.toString("utf8", 0, readSync(fd, scratch, 0, maxRecordBytes, 0));
  } finally {
    closeSync(fd);
  }
}

/** Opens for reading; `undefined` where there is no such file, or a link. */
export function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Removes a file; one that is gone already is fine. */
export function discard(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Removes a file on a way out that has an error to report already. */
export function discardQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What stays is swept when the next process opens the folder.
  }
}

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENXIO";
}
