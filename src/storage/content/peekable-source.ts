import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import {
  AbortedError,
  InvalidArgumentError,
  SourceFailedError,
  StorageError,
  TooLargeError,
} from "../contract/error.js";

/** A stream of bytes whose first bytes can be read ahead. It can be read once. */
export class PeekableSource implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<unknown>;
  #iterator: AsyncIterator<unknown> | undefined;
  readonly #peeked: Uint8Array[] = [];
  #isRead = false;
  #isWaiting = false;

  constructor(source: AsyncIterable<unknown>) {
    this.#source = source;
  }

  /** The first `length` bytes, or all of a shorter stream; they are yielded again later. */
  async head(length: number): Promise<Uint8Array> {
    let size = 0;
    while (size < length) {
      const piece = await this.#next();
      if (piece === undefined) break;
      this.#peeked.push(piece);
      size += piece.byteLength;
    }
    return Buffer.concat(this.#peeked).subarray(0, length);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isRead) throw new InvalidArgumentError({ message: "this content can be read only once" });
    this.#isRead = true;
    try {
      for (const piece of this.#peeked.splice(0)) yield piece;
      for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
    } finally {
      await this.#iterator?.return?.();
    }
  }

  /** Releases a source that will not be read, or that hangs while it is read. */
  async discard(): Promise<void> {
    if (this.#source instanceof Readable) this.#source.destroy();
    if (this.#isRead) return;
    this.#isRead = true;
    if (this.#iterator !== undefined) await this.#leave(this.#iterator);
    else if (this.#source instanceof ReadableStream) await this.#source.cancel();
  }

  /** A source that is being waited for may never answer, so its end is not waited for either. */
  async #leave(iterator: AsyncIterator<unknown>): Promise<void> {
    const end = Promise.resolve(iterator.return?.());
    if (this.#isWaiting) end.catch(() => undefined);
    else await end;
  }

  async #ask(): Promise<IteratorResult<unknown>> {
    this.#isWaiting = true;
    try {
      this.#iterator ??= this.#source[Symbol.asyncIterator]();
      return await this.#iterator.next();
    } catch (error) {
      throw failureOf(error);
    } finally {
      this.#isWaiting = false;
    }
  }

  /** A form parser marks a file that it cut at its limit and then ends it like any other. */
  #ended(): undefined {
    if (!("truncated" in this.#source) || this.#source.truncated !== true) return undefined;
    throw new TooLargeError({ message: "the source of the content was cut off at its limit" });
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#ask();
      if (done) return this.#ended();
      const bytes = toBytes(value);
      if (bytes.byteLength > 0) return bytes;
    }
  }
}

const cutOff: ReadonlySet<unknown> = new Set([
  "ABORT_ERR",
  "ECONNRESET",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** The source belongs to the caller: its `ENOENT` or `ENOSPC` must not be taken for the backend's. */
function failureOf(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const isCutOff = cause instanceof Error && "code" in cause && cutOff.has(cause.code);
  return isCutOff
    ? new AbortedError({ message: "the source of the content was cut off", cause })
    : new SourceFailedError({ message: "the source of the content failed", cause });
}

function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === "string") return Buffer.from(piece, "utf8");
  throw new InvalidArgumentError({ message: `content must be bytes or text, not ${typeof piece}` });
}
