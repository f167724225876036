import type { OpenedObject } from "../contract/backend.js";
import {
  algorithmOf,
  type Checksum,
  ChecksumBuilder,
  checksumOf,
  hasChecksum,
} from "../contract/checksum.js";
import { CorruptObjectError } from "../contract/error.js";
import { type PieceReader, readerOf } from "../contract/opened.js";

/** Checks the length of bytes that were read at once, and their checksum where they are the whole object. */
export function verify<T extends Uint8Array>(opened: OpenedObject, bytes: T): T {
  const expected = checksumOfWhole(opened);
  checkLength(opened, bytes.byteLength);
  if (expected !== undefined && !hasChecksum(bytes, expected)) {
    throw isCorrupt(checksumOf(bytes, algorithmOf(expected)), expected);
  }
  return bytes;
}

function checksumOfWhole({ stat, start, end }: OpenedObject): Checksum | undefined {
  return start === 0 && end === stat.size ? stat.checksum : undefined;
}

/**
 * The content as it comes, as many bytes as were opened. A whole object is checked against its checksum, and its last
 * piece is withheld until that has been compared. `next` throws CorruptObjectError for another length or checksum.
 */
export class VerifiedReader implements PieceReader {
  readonly #opened: OpenedObject;
  readonly #reader: PieceReader;
  readonly #expected: Checksum | undefined;
  readonly #sum: ChecksumBuilder | undefined;
  #size = 0;
  #withheld: Uint8Array | undefined;
  #isChecked = false;

  constructor(opened: OpenedObject) {
    this.#opened = opened;
    this.#reader = readerOf(opened);
    this.#expected = checksumOfWhole(opened);
    this.#sum = this.#expected === undefined ? undefined : new ChecksumBuilder(algorithmOf(this.#expected));
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = await this.#reader.next();
      if (piece === undefined) return this.#last();
      this.#size += piece.byteLength;
      if (this.#size > this.#opened.end - this.#opened.start) checkLength(this.#opened, this.#size);
      if (this.#sum === undefined) return piece;
      this.#sum.update(piece);
      const ready = this.#withheld;
      this.#withheld = piece;
      if (ready !== undefined) return ready;
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #last(): Uint8Array | undefined {
    if (!this.#isChecked) this.#check();
    const last = this.#withheld;
    this.#withheld = undefined;
    return last;
  }

  #check(): void {
    this.#isChecked = true;
    checkLength(this.#opened, this.#size);
    const actual = this.#sum?.digest();
    if (this.#expected !== undefined && actual !== this.#expected) throw isCorrupt(actual, this.#expected);
  }
}

function checkLength({ start, end }: OpenedObject, size: number): void {
  if (size === end - start) return;
  const howMany = size > end - start ? "more than" : `${size} of`;
  throw new CorruptObjectError({ message: `the backend gave ${howMany} ${end - start} bytes` });
}

function isCorrupt(actual: Checksum | undefined, expected: Checksum): CorruptObjectError {
  return new CorruptObjectError({ message: `the object has ${actual}, stored was ${expected}` });
}
