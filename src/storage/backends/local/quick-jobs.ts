import { maxKeyLength } from "../../contract/key.js";
import { maxBatch } from "./job-state.js";
import type { SentJob } from "./jobs.js";
import type { ReadReply } from "./read.js";
import type { FileFingerprint } from "./record.js";

const cellsEach = 8;
const [readKind, statKind] = [0, 1];
/** What is asked. The key lies behind the cells of all jobs. */
const [kind, offset, length, keyLength] = [0, 1, 2, 3];
/** What is answered. The text of a record lies in the slab, behind the bytes that were read. */
const [start, end, fd, textLength] = [0, 1, 2, 3];
/** The file that the asker knows, or the one that was found. */
const [size, stampUs, inode] = [4, 5, 6];
const none = -1;
const cellBytes = maxBatch * cellsEach * Float64Array.BYTES_PER_ELEMENT;

/** Memory for the {@link QuickJobs} of both sides. */
export function newQuickMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(cellBytes + maxBatch * maxKeyLength);
}

/**
 * Jobs that come by the thousand, and their ordinary answers, as numbers in memory that both sides share: JSON takes a
 * fifth of the time of a small read. What is not ordinary travels as JSON.
 */
export class QuickJobs {
  readonly #cells: Float64Array;
  readonly #keys: Buffer;
  readonly #slab: Buffer;

  constructor(memory: SharedArrayBuffer, slab: Buffer) {
    this.#cells = new Float64Array(memory, 0, maxBatch * cellsEach);
    this.#keys = Buffer.from(memory, cellBytes);
    this.#slab = slab;
  }

  /** Main thread: writes a job down; `false` where numbers and a key do not say all of it. */
  ask(index: number, sent: SentJob): boolean {
    if (sent.kind !== "stat" && sent.kind !== "read") return false;
    if (sent.kind === "read" && (sent.job.range ?? sent.job.ifMatch) !== undefined) return false;
    const at = index * cellsEach;
    this.#cells[at + kind] = sent.kind === "read" ? readKind : statKind;
    this.#cells[at + offset] = sent.offset;
    this.#cells[at + length] = sent.length;
    this.#cells[at + keyLength] = this.#keys.write(sent.job.key, index * maxKeyLength, "latin1");
    this.#writeFile(at, sent.job.known);
    return true;
  }

  /** Disk thread: the job that was written down. */
  asked(index: number): SentJob {
    const at = index * cellsEach;
    const keyAt = index * maxKeyLength;
    const job = {
      key: this.#keys.toString("latin1", keyAt, keyAt + this.#read(at + keyLength)),
      known: this.#readFile(at),
      knownVersion: undefined,
      range: undefined,
      ifMatch: undefined,
    };
    return {
      kind: this.#read(at + kind) === statKind ? "stat" : "read",
      job,
      offset: this.#read(at + offset),
      length: this.#read(at + length),
      textLength: 0,
    };
  }

  /** Disk thread: writes an answer down; `false` where there is no room for the text, or a record without one. */
  answer(index: number, room: Pick<SentJob, "offset" | "length">, reply: ReadReply): boolean {
    const { text, record } = reply.found;
    const textAt = reply.fd === undefined ? reply.end - reply.start : 0;
    if (record !== undefined) return false;
    if (text !== undefined && Buffer.byteLength(text) > room.length - textAt) return false;
    const at = index * cellsEach;
    this.#cells[at + start] = reply.start;
    this.#cells[at + end] = reply.end;
    this.#cells[at + fd] = reply.fd ?? none;
    this.#cells[at + textLength] = text === undefined ? none : this.#slab.write(text, room.offset + textAt);
    this.#writeFile(at, reply.found.file);
    return true;
  }

  /** Main thread: the answer that was written down for the job whose part of the slab begins at `roomAt`. */
  answered(index: number, roomAt: number): ReadReply {
    const at = index * cellsEach;
    const span = { start: this.#read(at + start), end: this.#read(at + end) };
    const opened = this.#read(at + fd);
    const textAt = opened === none ? roomAt + span.end - span.start : roomAt;
    return {
      found: {
        file: this.#readFile(at),
        text: this.#readText(textAt, this.#read(at + textLength)),
        record: undefined,
      },
      start: span.start,
      end: span.end,
      fd: opened === none ? undefined : opened,
    };
  }

  #writeFile(at: number, file: FileFingerprint): void {
    this.#cells[at + size] = file.size;
    this.#cells[at + stampUs] = file.stampUs;
    this.#cells[at + inode] = file.inode ?? Number.NaN;
  }

  #readFile(at: number): FileFingerprint {
    const found = this.#read(at + inode);
    return {
      size: this.#read(at + size),
      stampUs: this.#read(at + stampUs),
      inode: Number.isNaN(found) ? undefined : found,
    };
  }

  #readText(at: number, bytes: number): string | undefined {
    return bytes === none ? undefined : this.#slab.toString("utf8", at, at + bytes);
  }

  #read(cell: number): number {
    return this.#cells[cell] ?? none;
  }
}
