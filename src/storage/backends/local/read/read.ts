import { closeSync, readSync } from "node:fs";
import type { ByteRange } from "../../../contract/backend.js";
import { clampRange, type Span } from "../../../contract/range.js";
import { DiskError, wrongVersion } from "../disk/disk-error.js";
import { type DescribedFile, type FileFingerprint, recordOf } from "../record/record.js";
import type { Store } from "../store.js";
import { openObject } from "./find.js";

/** Content up to this size is read or written by one job of a thread. */
export const maxSmallBytes: number = 64 * 1024;

export interface StatJob {
  readonly key: string;
  /** The newest body that the caller has a record of. */
  readonly known?: FileFingerprint | undefined;
}

export interface ReadJob extends StatJob {
  /** Of the body that is known. */
  readonly knownVersion?: string | undefined;
  readonly range?: ByteRange | undefined;
  readonly ifMatch?: string | undefined;
  /** Only open it, however small it is. */
  readonly keepOpen?: boolean | undefined;
}

/** An object that was read, or opened when it is too large to be read at once. */
export interface ReadReply extends Span {
  /** `null` for the body that the caller knows. */
  readonly found: DescribedFile | null;
  /** Open descriptor of the body; `undefined` when all bytes of the span were read. */
  readonly fd?: number | undefined;
}

/**
 * Opens an object, and reads at once a span of up to {@link maxSmallBytes}.
 *
 * @param room - gives memory for so many bytes.
 */
export function readObject(store: Store, job: ReadJob, room: (bytes: number) => Uint8Array): ReadReply {
  const { fd, found } = openObject(store, job.key, job.known);
  let isHandedOver = false;
  try {
    checkVersion(job, found);
    const span = spanOf(job.range, found.file.size);
    isHandedOver = job.keepOpen === true || span.end - span.start > maxSmallBytes;
    if (!isHandedOver) readSpan(fd, span, room(span.end - span.start));
    return { found: unlessKnown(found), ...span, fd: isHandedOver ? fd : undefined };
  } finally {
    if (!isHandedOver) closeSync(fd);
  }
}

/** What need not be sent: an answer is the shorter for it. */
export function unlessKnown(found: DescribedFile): DescribedFile | null {
  return found.text === undefined && found.record === undefined ? null : found;
}

function spanOf(range: ByteRange | undefined, size: number): Span {
  const span = clampRange(range, size);
  if (span !== undefined) return span;
  throw new DiskError("invalid_range", `the range lies outside the object's ${size} bytes`);
}

function checkVersion({ key, ifMatch, knownVersion }: ReadJob, found: DescribedFile): void {
  if (ifMatch === undefined || ifMatch === (recordOf(key, found)?.version ?? knownVersion)) return;
  throw wrongVersion(key);
}

function readSpan(fd: number, { start, end }: Span, room: Uint8Array): void {
  let position = start;
  while (position < end) {
    const length = readSync(fd, room, position - start, end - position, position);
    if (length === 0) throw new DiskError("corrupt", "the file became shorter while it was read");
    position += length;
  }
}
