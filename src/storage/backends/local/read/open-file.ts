import { close, read } from "node:fs";
import { pooledPieceBytes, takePiece } from "../../../contract/piece-pool.js";
import { DiskError } from "../disk/disk-error.js";

/** Closes what a caller opened and dropped without closing it. */
const forgotten = new FinalizationRegistry<Handle>((handle) => handle.release());

/** A descriptor that is closed once, and never under a read. */
class Handle {
  readonly fd: number;
  #reads = 0;
  #isReleased = false;
  #isClosed = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    if (this.#isReleased) return Promise.reject(new DiskError("aborted", "the body was closed"));
    this.#reads++;
    const room = takePiece();
    return new Promise((resolve, reject) => {
      read(this.fd, room, 0, length, position, (error, count) => {
        this.#reads--;
        this.#closeIfUnused();
        if (error) reject(error);
        else if (count === 0) reject(new DiskError("corrupt", "the file became shorter while it was read"));
        else resolve(room.subarray(0, count));
      });
    });
  }

  release(): void {
    this.#isReleased = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#isReleased || this.#reads > 0 || this.#isClosed) return;
    this.#isClosed = true;
    close(this.fd, () => undefined);
  }
}

/** Content of an open file, for one reader. */
export class OpenFile implements AsyncIterable<Uint8Array> {
  readonly #handle: Handle;
  readonly #start: number;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;

  constructor(fd: number, start: number, end: number, signal: AbortSignal | undefined) {
    const handle = new Handle(fd);
    this.#handle = handle;
    this.#start = start;
    this.#end = end;
    this.#signal = signal;
    this.#onAbort = () => handle.release();
    forgotten.register(this, handle, this);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) handle.release();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      let position = this.#start;
      let ahead = this.#readAt(position);
      while (position < this.#end) {
        const piece = await ahead;
        this.#signal?.throwIfAborted();
        position += piece.byteLength;
        if (position < this.#end) ahead = this.#readAt(position);
        yield piece;
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    forgotten.unregister(this);
    this.#handle.release();
  }

  #readAt(position: number): Promise<Uint8Array> {
    const reading = this.#handle.read(position, Math.min(pooledPieceBytes, this.#end - position));
    // A reader that was closed does not await it.
    reading.catch(() => undefined);
    return reading;
  }
}
