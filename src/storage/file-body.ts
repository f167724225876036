import { Readable } from "node:stream";
import type { Bytes, OpenedObject } from "./backend.js";
import { algorithmOf, type Checksum, ChecksumBuilder, checksumOf } from "./checksum.js";
import { CorruptObjectError, TimeoutError } from "./error.js";

/** Milliseconds after which a body that nobody has begun to read is closed. */
export const unreadBodyMs = 60_000;

/**
 * The content of an opened object; read it once, in one of these ways. A whole object is checked against its
 * checksum on the way, and its last piece is withheld until the check has passed.
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
    clearTimeout(this.#timer);
    try {
      if (this.#isAbandoned) throw new TimeoutError({ message: "the body was not read in time" });
      yield* verified(this.#opened);
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      await this.#opened.close();
    }
  }

  /** All bytes at once, in memory. */
  async bytes(): Promise<Uint8Array> {
    clearTimeout(this.#timer);
    try {
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
    return Readable.from(this, { objectMode: false });
  }

  /** Lets go of the content without reading it (to its end). */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#opened.close();
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

function isWhole({ stat, start, end }: OpenedObject): boolean {
  return start === 0 && end === stat.size;
}

/** The bytes, when they have the checksum of the object they are the whole of. */
export function verify(opened: OpenedObject, bytes: Uint8Array): Uint8Array {
  if (!isWhole(opened) || opened.stat.checksum === undefined) return bytes;
  compare(opened, bytes.byteLength, checksumOf(bytes, algorithmOf(opened.stat.checksum)));
  return bytes;
}

async function* verified(opened: OpenedObject): Bytes {
  if (!isWhole(opened) || opened.stat.checksum === undefined) return yield* opened.body;
  const crc = new ChecksumBuilder(algorithmOf(opened.stat.checksum));
  let size = 0;
  let withheld: Uint8Array | undefined;
  for await (const piece of opened.body) {
    crc.update(piece);
    size += piece.byteLength;
    if (withheld !== undefined) yield withheld;
    withheld = piece;
  }
  compare(opened, size, crc.digest());
  if (withheld !== undefined) yield withheld;
}

function compare({ stat }: OpenedObject, size: number, actual: Checksum): void {
  if (size === stat.size && actual === stat.checksum) return;
  throw new CorruptObjectError({
    message: `the object has ${size} bytes with ${actual}, stored were ${stat.size} with ${stat.checksum}`,
  });
}
