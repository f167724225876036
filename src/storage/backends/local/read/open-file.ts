import { close, read } from "node:fs";
import type { PieceReader } from "../../../contract/opened.js";
import { pooledPieceBytes, takePiece } from "../../../contract/piece-pool.js";
import type { Span } from "../../../contract/range.js";
import { ServiceError } from "../../../contract/service-error.js";

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
    if (this.#isReleased) return Promise.reject(new ServiceError("aborted", "the body was closed"));
    this.#reads++;
    const room = takePiece();
    return new Promise((resolve, reject) => {
      read(this.fd, room, 0, length, position, (error, count) => {
        this.#reads--;
        this.#closeIfUnused();
        if (error) reject(error);
        else if (count === 0)
          reject(new ServiceError("corrupt", "the file became shorter while it was read"));
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

/** Content of an open file, for one reader; a piece is read ahead. */
export class OpenFile implements PieceReader {
  readonly #handle: Handle;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #position: number;
  #ahead: Promise<Uint8Array> | undefined;

  constructor(fd: number, { start, end }: Span, signal: AbortSignal | undefined) {
    const handle = new Handle(fd);
    this.#handle = handle;
    this.#position = start;
    this.#end = end;
    this.#signal = signal;
    this.#onAbort = () => handle.release();
    forgotten.register(this, handle, this);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) handle.release();
  }

  async next(): Promise<Uint8Array | undefined> {
    const ahead = this.#ahead ?? this.#readOn();
    if (ahead === undefined) {
      await this.close();
      return undefined;
    }
    const piece = await ahead;
    this.#signal?.throwIfAborted();
    this.#position += piece.byteLength;
    this.#ahead = this.#readOn();
    return piece;
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    forgotten.unregister(this);
    this.#handle.release();
  }

  #readOn(): Promise<Uint8Array> | undefined {
    const left = this.#end - this.#position;
    if (left === 0) return undefined;
    const reading = this.#handle.read(this.#position, Math.min(pooledPieceBytes, left));
    // A reader that was closed does not await it.
    reading.catch(() => undefined);
    return reading;
  }
}
