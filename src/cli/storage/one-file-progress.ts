import type { Bytes } from "../../storage/index.js";
import { TransferProgress } from "../../storage/transfer/transfer-progress.js";
import { Pace } from "../copy/pace.js";
import { describeProgress, Progress } from "../copy/progress.js";

/** Shows on stderr how far one file is: on a terminal, or where it is asked for. */
export class OneFileProgress {
  readonly #state = new TransferProgress();
  readonly #progress: Progress | undefined;
  readonly #isWanted: boolean;
  #isEnded = false;

  /**
   * @param bytes - of the whole file, when they are known.
   * @param isWanted - the option `--progress`.
   */
  constructor(bytes: number | undefined, isWanted = false) {
    this.#state.total = bytes === undefined ? undefined : { objects: 1, bytes };
    this.#isWanted = isWanted;
    if (isWanted || process.stderr.isTTY) this.#progress = new Progress(this.#state, process.stderr);
  }

  /** The same bytes, counted as they pass. */
  async *count(pieces: AsyncIterable<Uint8Array>): Bytes {
    for await (const piece of pieces) {
      yield piece;
      this.#state.bytesUnderWay += piece.byteLength;
    }
    this.#state.addCopied(this.#state.bytesUnderWay);
    this.#state.bytesUnderWay = 0;
  }

  /** Shows nothing more; where no terminal is, the end stays in a line. Again it does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#progress?.end();
    if (!this.#isWanted || process.stderr.isTTY) return;
    process.stderr.write(`${describeProgress(this.#state, new Pace())}\n`);
  }
}
