import type { ByteRange, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { Opened, openedBytes, type PieceReader } from "../../contract/opened.js";
import { type Span, spanIn } from "../../contract/range.js";

/** Larger content goes out in pieces, so that it is not held twice. */
const maxAtOnceBytes = 1_048_576;
const pieceBytes = 262_144;

/** An object as it was when it was opened. Readers get a copy, which is theirs to change. */
export function openStored(
  content: Buffer,
  stat: ObjectStat,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): OpenedObject {
  const span = spanIn(range, stat.size);
  if (span.end - span.start <= maxAtOnceBytes) return openedBytes(stat, span, copyOf(content, span));
  return new Opened(stat, span, new CopyingReader(content, span, signal));
}

class CopyingReader implements PieceReader {
  readonly #content: Buffer;
  readonly #signal: AbortSignal | undefined;
  readonly #end: number;
  #at: number;

  constructor(content: Buffer, { start, end }: Span, signal: AbortSignal | undefined) {
    this.#content = content;
    this.#signal = signal;
    this.#at = start;
    this.#end = end;
  }

  async next(): Promise<Uint8Array | undefined> {
    this.#signal?.throwIfAborted();
    if (this.#at >= this.#end) return undefined;
    const start = this.#at;
    this.#at = Math.min(start + pieceBytes, this.#end);
    return copyOf(this.#content, { start, end: this.#at });
  }

  async close(): Promise<void> {
    this.#at = this.#end;
  }
}

function copyOf(content: Buffer, { start, end }: Span): Buffer<ArrayBuffer> {
  return Buffer.from(start === 0 && end === content.length ? content : content.subarray(start, end));
}
