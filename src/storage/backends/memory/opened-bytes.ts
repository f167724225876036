import type { ByteRange, Bytes, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { clampRange, type Span } from "../../contract/range.js";
import { MemoryError } from "./memory-error.js";

/** Larger content goes out in pieces, so that it is not held twice. */
const maxAtOnceBytes = 1_048_576;
const pieceBytes = 262_144;

/** An object as it was when it was opened. Readers get a copy, which is theirs to change. */
export class OpenedBytes implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #content: Buffer;
  readonly #signal: AbortSignal | undefined;

  constructor(content: Buffer, stat: ObjectStat, range: ByteRange | undefined, signal?: AbortSignal) {
    const { start, end } = spanOf(range, stat.size);
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.#content = content;
    this.#signal = signal;
    if (end - start <= maxAtOnceBytes) this.bytes = copyOf(content, start, end);
  }

  get body(): Bytes {
    return this.#pieces();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async *#pieces(): Bytes {
    for (let at = this.start; at < this.end; at += pieceBytes) {
      this.#signal?.throwIfAborted();
      yield Buffer.from(this.#content.subarray(at, Math.min(at + pieceBytes, this.end)));
    }
  }
}

function copyOf(content: Buffer, start: number, end: number): Buffer<ArrayBuffer> {
  return Buffer.from(start === 0 && end === content.length ? content : content.subarray(start, end));
}

function spanOf(range: ByteRange | undefined, size: number): Span {
  const span = clampRange(range, size);
  if (span !== undefined) return span;
  throw new MemoryError("invalid_range", `the range lies outside the object's ${size} bytes`);
}
