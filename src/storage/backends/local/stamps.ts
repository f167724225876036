import { fstatSync, futimesSync, type Stats } from "node:fs";
import { type FileFingerprint, fingerprintOf } from "./record.js";

/** A body dated further ahead than this was dated by hand or by a broken clock, and is no measure for others. */
const maxAheadUs = 3_600_000_000;
/** So many dates that came back as they were given cannot be luck: every second one would be even. */
const proof = 24;

/** Dates bodies. Not every file system keeps microseconds, so the first dates are read back. */
export class Stamps {
  #kept = 0;

  /**
   * Gives a body its stamp: the time, but always behind that of the body it replaces, and never one that another write
   * has noted which came to nothing. The microseconds come from the clock that all processes of the host share.
   *
   * @param replaced - what `lstat` says of the body that stands at the key, under the lock of the key.
   * @returns the stamp as the file system keeps it.
   */
  date(fd: number, replaced: Stats | undefined): number {
    const nowUs = Date.now() * 1000 + Number((process.hrtime.bigint() / 1000n) % 1000n);
    const beforeUs = replaced === undefined ? 0 : fingerprintOf(replaced).stampUs;
    const stampUs =
      beforeUs < nowUs + maxAheadUs
        ? Math.max(nowUs, beforeUs + 1 + Math.floor(Math.random() * 1000))
        : nowUs;
    if (this.#kept < proof) return this.#readBack(fd, stampUs);
    setTimes(fd, stampUs);
    return stampUs;
  }

  #readBack(fd: number, stampUs: number): number {
    const kept = setStamp(fd, stampUs).stampUs;
    this.#kept = kept === stampUs ? this.#kept + 1 : 0;
    return kept;
  }
}

/** Dates an open file, and says how that was kept. */
export function setStamp(fd: number, stampUs: number): FileFingerprint {
  setTimes(fd, stampUs);
  return fingerprintOf(fstatSync(fd));
}

/** Up to Node 22 seconds are cut to microseconds on their way; they aim at a quarter of one, the least that they can tell. */
function setTimes(fd: number, stampUs: number): void {
  const seconds = (stampUs + 0.25) / 1_000_000;
  futimesSync(fd, seconds, seconds);
}
