import type { Bytes, OpenedObject } from "../contract/backend.js";
import {
  algorithmOf,
  type Checksum,
  ChecksumBuilder,
  checksumOf,
  hasChecksum,
} from "../contract/checksum.js";
import { CorruptObjectError } from "../contract/error.js";

/** The bytes, when they are as many as were opened and have the checksum of the object they are the whole of. */
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

/** The content as it comes. @throws CorruptObjectError before the last piece when the checksum is another one. */
export function verified(opened: OpenedObject): Bytes {
  const expected = checksumOfWhole(opened);
  return expected === undefined ? counted(opened) : summed(counted(opened), expected);
}

/** The pieces, as long as they are not too many; it throws behind the last one if they are too few. */
async function* counted(opened: OpenedObject): Bytes {
  const announced = opened.end - opened.start;
  let size = 0;
  for await (const piece of opened.body) {
    size += piece.byteLength;
    if (size > announced) checkLength(opened, size);
    yield piece;
  }
  checkLength(opened, size);
}

/** The pieces; the last one is withheld until the checksum has been compared. */
async function* summed(pieces: Bytes, expected: Checksum): Bytes {
  const builder = new ChecksumBuilder(algorithmOf(expected));
  let withheld: Uint8Array | undefined;
  for await (const piece of pieces) {
    builder.update(piece);
    if (withheld !== undefined) yield withheld;
    withheld = piece;
  }
  const actual = builder.digest();
  if (actual !== expected) throw isCorrupt(actual, expected);
  if (withheld !== undefined) yield withheld;
}

function checkLength({ start, end }: OpenedObject, size: number): void {
  if (size === end - start) return;
  const howMany = size > end - start ? "more than" : `${size} of`;
  throw new CorruptObjectError({ message: `the backend gave ${howMany} ${end - start} bytes` });
}

function isCorrupt(actual: Checksum, expected: Checksum): CorruptObjectError {
  return new CorruptObjectError({ message: `the object has ${actual}, stored was ${expected}` });
}
