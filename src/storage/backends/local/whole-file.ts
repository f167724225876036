import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
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

/** Writes all of it; write(2) may stop early when the disk is nearly full. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) written += writeSync(fd, bytes, written, bytes.byteLength - written);
}

/** A body dated further ahead than this was dated by hand or by a broken clock, and is no measure for others. */
const maxAheadUs = 3_600_000_000;

/**
 * Gives a body its stamp: the time, but always behind that of the body it replaces. The microseconds come from
 * the clock that all processes of the host share, so two writers do not meet on one.
 * It is read back, for not every file system keeps microseconds.
 *
 * @param replaced - what `lstat` says of the body that stands at the key now.
 */
export function stamp(fd: number, replaced: Stats | undefined): FileFingerprint {
  const nowUs = Date.now() * 1000 + Number((process.hrtime.bigint() / 1000n) % 1000n);
  const beforeUs = replaced === undefined ? 0 : fingerprintOf(replaced).stampUs;
  const stampUs = beforeUs < nowUs + maxAheadUs ? Math.max(nowUs, beforeUs + 1) : nowUs;
  return setStamp(fd, stampUs);
}

/** Dates an open file. Seconds are cut to microseconds on their way, so they aim at the middle of one. */
export function setStamp(fd: number, stampUs: number): FileFingerprint {
  const seconds = (stampUs + 0.5) / 1_000_000;
  futimesSync(fd, seconds, seconds);
  return fingerprintOf(fstatSync(fd));
}

/** Whether a stamp came too late: the body that it shall replace has it, or one behind it, already. */
export function isOutrun(file: FileFingerprint, replaced: FileFingerprint): boolean {
  const leadUs = replaced.stampUs - file.stampUs;
  return leadUs >= 0 && leadUs < maxAheadUs;
}

/** The text of a small file, or `undefined` when there is none or something else; a longer one is cut and so does not parse. */
export function readSmall(path: string): string | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    if (!fstatSync(fd).isFile()) return undefined;
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

/** What lies at a path, links not followed; `undefined` also when a file stands where a folder should. */
export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return undefined;
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
