import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { errnoOf } from "./disk-error.js";

const noFollow = constants.O_NOFOLLOW ?? 0;
/** Flags for a file that must be new, and that no planted link may redirect. */
export const createFlags: number = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow;
/** Flags for a file that may be anything by now: links are refused, pipes do not block. */
export const readFlags: number = constants.O_RDONLY | noFollow | (constants.O_NONBLOCK ?? 0);

/** Mode of every file: for its owner only, and never executable. */
export const fileMode = 0o600;
/** Mode of every folder. */
export const folderMode = 0o700;

const maxRecordBytes = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(maxRecordBytes);

/** Writes all of it; write(2) may stop early when the disk is nearly full. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(fd, bytes, written, bytes.byteLength - written);
}

/**
 * The text of a small file; `undefined` when there is no file. A longer text is cut and so does not parse.
 *
 * @param isReached - says of the open file whether it counts.
 */
export function readSmall(path: string, isReached: (fd: number) => boolean = () => true): string | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    if (!isReached(fd)) return undefined;
    return scratch.toString("utf8", 0, readSync(fd, scratch, 0, maxRecordBytes, 0));
  } catch (error) {
    if (isNoText(error)) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Whether it is a folder or a pipe. */
function isNoText(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "EISDIR" || errno === "EAGAIN" || errno === "ESPIPE";
}

/** Opens for reading; `undefined` where there is no such file, or a link. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The file or folder at a path, links not followed; `undefined` also when a file stands where a folder should. */
export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Removes a file; one that is missing counts as removed. */
export function discard(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Removes a file while an error is reported; a failure to remove it is dropped. */
export function discardQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // A file that stays is swept when the next process opens the folder.
  }
}

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP" || errno === "ENXIO";
}
