import { fstatSync, futimesSync, type Stats } from "node:fs";
import { type FileFingerprint, fingerprintOf } from "./record.js";

/** A body dated further ahead than this was dated by hand or by a broken clock, and is no measure for others. */
const maxAheadUs = 3_600_000_000;
/** After so many dates read back unchanged the file system is known to keep microseconds. */
const proof = 24;

/** Dates bodies. Not every file system keeps microseconds, so the first dates are read back. */
export class BodyDates {
  #kept = 0;

  /**
   * Dates a body: now, but always later than the body that it replaces, and never with a date that the lock file of a
   * failed write holds. The microseconds come from the clock that all processes of the host share.
   *
   * @param replaced - what `lstat` says of the body that stands at the key, under the lock of the key.
   * @returns the modification time in microseconds as the file system keeps it.
   */
  date(fd: number, replaced: Stats | undefined): number {
    const nowUs = Date.now() * 1000 + Number((process.hrtime.bigint() / 1000n) % 1000n);
    const beforeUs = replaced === undefined ? 0 : fingerprintOf(replaced).mtimeUs;
    const mtimeUs =
      beforeUs < nowUs + maxAheadUs
        ? Math.max(nowUs, beforeUs + 1 + Math.floor(Math.random() * 1000))
        : nowUs;
    if (this.#kept >= proof) {
      setTimes(fd, mtimeUs);
      return mtimeUs;
    }
    return this.#readBack(fd, mtimeUs, beforeUs);
  }

  /** A file system with coarse dates gets one that is a tick later than that of the body before. */
  #readBack(fd: number, mtimeUs: number, beforeUs: number): number {
    let kept = setDate(fd, mtimeUs).mtimeUs;
    this.#kept = kept === mtimeUs ? this.#kept + 1 : 0;
    for (let aheadUs = 1000; kept === beforeUs && aheadUs <= 10_000_000; aheadUs *= 10)
      kept = setDate(fd, mtimeUs + aheadUs).mtimeUs;
    return kept;
  }
}

/** Dates an open file, and says how the file system kept that. */
export function setDate(fd: number, mtimeUs: number): FileFingerprint {
  setTimes(fd, mtimeUs);
  return fingerprintOf(fstatSync(fd));
}

/** Node 22 truncates to microseconds; a quarter of one more keeps rounding from losing one. */
function setTimes(fd: number, mtimeUs: number): void {
  const seconds = (mtimeUs + 0.25) / 1_000_000;
  futimesSync(fd, seconds, seconds);
}
