import { Readable } from "node:stream";
import type { Bytes, OpenedObject } from "./backend.js";
import { algorithmOf, type Checksum, ChecksumBuilder, checksumOf, hasChecksum } from "./checksum.js";
import { CorruptObjectError, TimeoutError } from "./error.js";

/** Milliseconds after which a body that nobody has begun to read is closed. */
export const unreadBodyMs = 60_000;

/**
 * The content of an opened object; read it once, in one of these ways. Its bytes are counted, and a whole object
 * is checked against its checksum on the way: its last piece is withheld until the check has passed.
 */
export class FileBody implements AsyncIterable<Uint8Array> {
  readonly #opened: OpenedObject;
  readonly #wrap: (error: unknown) => Error;
  #timer: NodeJS.Timeout | undefined;
  #isAbandoned = false;

  constructor(opened: OpenedObject, wrap: (error: unknown) => Error) {
    this.#opened = opened;
    this.#wrap = wrap;
    if (opened.bytes === undefined) this.#timer = setTimeout(() => this.#abandon(), unreadBodyMs).unref();
  }

  /** Bytes that will come. */
  get size(): number {
    return this.#opened.end - this.#opened.start;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      this.#begin();
      yield* verified(this.#opened);
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      await this.#opened.close();
    }
  }

  /** All bytes at once, in memory. */
  async bytes(): Promise<Uint8Array> {
    try {
      this.#begin();
      return await readAll(this.#opened);
    } catch (error) {
      throw this.#wrap(error);
    }
  }

  /** All bytes as UTF-8 text. */
  async text(): Promise<string> {
    return Buffer.from(await this.bytes()).toString("utf8");
  }

  /** A Node stream of the bytes; destroying it releases everything. */
  stream(): Readable {
    const stream = Readable.from(this, { objectMode: false });
    // One that is destroyed before it was read has never begun the iteration that would close.
    return stream.once("close", () => this.close().catch(() => undefined));
  }

  /** Lets go of the content without reading it (to its end). */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#opened.close();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    if (this.#isAbandoned) throw new TimeoutError({ message: "the body was not read in time" });
  }

  #abandon(): void {
    this.#isAbandoned = true;
    this.#opened.close().catch(() => undefined);
  }
}

/** Everything that was opened, in memory and checked; releases what it held. */
export async function readAll(opened: OpenedObject): Promise<Uint8Array> {
  if (opened.bytes !== undefined) return verify(opened, opened.bytes);
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of verified(opened)) pieces.push(piece);
  } finally {
    await opened.close();
  }
  return Buffer.concat(pieces);
}

/** The bytes, when they are as many as were opened and have the checksum of the object they are the whole of. */
export function verify(opened: OpenedObject, bytes: Uint8Array): Uint8Array {
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
