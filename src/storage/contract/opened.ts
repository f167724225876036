import type { Bytes, ObjectStat, OpenedObject } from "./backend.js";
import { keepPiece } from "./piece-pool.js";
import type { Span } from "./range.js";

/** Gives a body piece by piece. A caller must wait for one piece before it asks for the next. */
export interface PieceReader {
  /** The next piece, never an empty one; `undefined` behind the last. */
  next(): Promise<Uint8Array | undefined>;
  /** Releases what the body holds; safe at any time and more than once. */
  close(): Promise<void>;
}

/** An opened object, as backends and layers make it. A layer takes the reader on, so that a body has one iterator in all. */
export class Opened implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly reader: PieceReader;

  /** @param bytes - all of the span, where it is in memory. */
  constructor(
    stat: ObjectStat,
    { start, end }: Span,
    reader: PieceReader,
    bytes?: Uint8Array<ArrayBuffer> | undefined,
  ) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.bytes = bytes;
    this.reader = reader;
  }

  get body(): Bytes {
    return piecesOf(this.reader);
  }

  close(): Promise<void> {
    return this.reader.close();
  }
}

/** An opened object whose bytes are all in memory, so that nothing is held. */
export function openedBytes(stat: ObjectStat, span: Span, bytes: Uint8Array<ArrayBuffer>): Opened {
  return new Opened(stat, span, new BytesReader(bytes), bytes);
}

/** The reader of an opened object of any author. */
export function readerOf(opened: OpenedObject): PieceReader {
  return opened instanceof Opened ? opened.reader : new IteratorReader(opened);
}

/** The pieces that a reader gives, to hold and to hand on; the end of the iteration closes the reader. */
export async function* piecesOf(reader: PieceReader): Bytes {
  try {
    for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
      keepPiece(piece);
      yield piece;
    }
  } finally {
    await reader.close();
  }
}

/** Gives bytes that are in memory, as one piece. */
export class BytesReader implements PieceReader {
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.byteLength === 0 ? undefined : bytes;
  }

  next(): Promise<Uint8Array | undefined> {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return Promise.resolve(bytes);
  }

  close(): Promise<void> {
    this.#bytes = undefined;
    return Promise.resolve();
  }
}

/** Reads the body of an opened object that another author's backend or layer made. */
class IteratorReader implements PieceReader {
  readonly #opened: OpenedObject;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #isWaiting = false;

  constructor(opened: OpenedObject) {
    this.#opened = opened;
  }

  async next(): Promise<Uint8Array | undefined> {
    this.#iterator ??= this.#opened.body[Symbol.asyncIterator]();
    this.#isWaiting = true;
    const { done, value } = await this.#iterator.next();
    this.#isWaiting = false;
    return done ? undefined : value;
  }

  /** A body that hangs could not answer, so its end is not waited for. */
  async close(): Promise<void> {
    const ending = this.#iterator?.return?.();
    if (this.#isWaiting) ending?.catch(() => undefined);
    else await ending;
    await this.#opened.close();
  }
}
