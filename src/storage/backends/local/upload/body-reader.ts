import { abortable } from "../../../contract/abortable.js";
import type { Bytes } from "../../../contract/backend.js";

/** Pieces are gathered to this size before they are written, for a system call costs as much for 64 KiB. */
const writeBytes = 512 * 1024;

/** Reads a request body in portions that are worth a write. */
export class BodyReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #isDone = false;

  constructor(bytes: Bytes, signal: AbortSignal | undefined) {
    this.#pieces = abortable(bytes, signal)[Symbol.asyncIterator]();
  }

  /** True when the content has ended. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next pieces, at least `minBytes` together unless the content ends before. */
  async next(minBytes: number = writeBytes): Promise<Uint8Array[]> {
    const portion: Uint8Array[] = [];
    let size = 0;
    while (size < minBytes && !this.#isDone) {
      const step = await this.#pieces.next();
      if (step.done) {
        this.#isDone = true;
        break;
      }
      portion.push(step.value);
      size += step.value.byteLength;
    }
    return portion;
  }

  /** Ends the source. It may hang in a read that never ends, so this does not wait for it. */
  stop(): void {
    this.#pieces.return?.().catch(() => undefined);
  }
}
