import { closeSync, readSync } from "node:fs";
import type { ByteRange } from "../../contract/backend.js";
import { clampRange, type Span } from "../../contract/range.js";
import { DiskError } from "./disk-error.js";
import { openObject, statObject } from "./find.js";
import { type Described, type FileFingerprint, recordOf } from "./record.js";
import type { Store } from "./store.js";

export interface StatJob {
  readonly key: string;
  /** The newest body that the asker has a record of. */
  readonly known: FileFingerprint;
}

export interface ReadJob extends StatJob {
  /** Of the body that is known. */
  readonly knownVersion: string | undefined;
  readonly range: ByteRange | undefined;
  readonly ifMatch: string | undefined;
}

/** An object that was read, or opened when it is too large to be read at once. */
export interface ReadReply extends Span {
  readonly found: Described;
  /** Open descriptor of the body; `undefined` when all bytes of the span were read. */
  readonly fd: number | undefined;
}

/** Reads up to `room.byteLength` bytes at once, in the job that opens the file. */
export function readObject(store: Store, job: ReadJob, room: Uint8Array): ReadReply {
  const { fd, found } = openObject(store, job.key, job.known);
  let isHandedOver = false;
  try {
    checkVersion(job, found);
    const { start, end } = spanOf(job.range, found.file.size);
    isHandedOver = end - start > room.byteLength;
    if (!isHandedOver) readSpan(store, fd, { start, end }, room);
    return { found, start, end, fd: isHandedOver ? fd : undefined };
  } finally {
    if (!isHandedOver) closeSync(fd);
  }
}

/** A read of no bytes. */
export function statReply(store: Store, { key, known }: StatJob): ReadReply {
  return { found: statObject(store, key, known), start: 0, end: 0, fd: undefined };
}

function spanOf(range: ByteRange | undefined, size: number): Span {
  const span = clampRange(range, size);
  if (span !== undefined) return span;
  throw new DiskError("invalid_range", `the range lies outside the object's ${size} bytes`);
}

function checkVersion({ key, ifMatch, knownVersion }: ReadJob, described: Described): void {
  if (ifMatch === undefined || ifMatch === (recordOf(described)?.version ?? knownVersion)) return;
  throw new DiskError("precondition_failed", `'${key}' is not at the version that was asked for`);
}

function readSpan({ stopwatch }: Store, fd: number, { start, end }: Span, room: Uint8Array): void {
  const startMs = performance.now();
  let position = start;
  while (position < end) {
    const length = readSync(fd, room, position - start, end - position, position);
    if (length === 0) throw new DiskError("corrupt", "the file became shorter while it was read");
    position += length;
  }
  stopwatch.addSince(startMs);
}
