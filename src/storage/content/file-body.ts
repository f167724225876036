import { Readable } from "node:stream";
import type { OpenedObject } from "../contract/backend.js";
import { InvalidArgumentError, TimeoutError } from "../contract/error.js";
import { returnPiece } from "../contract/piece-pool.js";
import { VerifiedReader, verify } from "./verified-reader.js";

/** Milliseconds after which a body that is not being read is closed. */
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
  #isUsed = false;

  constructor(opened: OpenedObject, wrap: (error: unknown) => Error) {
    this.#opened = opened;
    this.#wrap = wrap;
    if (opened.bytes === undefined) this.#timer = setTimeout(() => this.#abandon(), unreadBodyMs).unref();
  }

  /** Bytes that will come. */
  get size(): number {
    return this.#opened.end - this.#opened.start;
  }

  /** The bytes piece by piece; ending the iteration early releases everything. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      this.#begin();
      const reader = new VerifiedReader(this.#opened);
      for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) yield piece;
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      await this.#opened.close();
    }
  }

  /** All bytes at once, in memory. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
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

  /** Releases the content, read to its end or not. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#isUsed = true;
    await this.#opened.close();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    if (this.#isAbandoned) throw new TimeoutError({ message: "the body was not read in time" });
    if (this.#isUsed) throw new InvalidArgumentError({ message: "the body was read or closed already" });
    this.#isUsed = true;
  }

  #abandon(): void {
    this.#isAbandoned = true;
    this.#opened.close().catch(() => undefined);
  }
}

/** Everything that was opened, in memory and checked; releases what it held. */
export async function readAll(opened: OpenedObject): Promise<Uint8Array<ArrayBuffer>> {
  if (opened.bytes !== undefined) return verify(opened, opened.bytes);
  const pieces: Uint8Array[] = [];
  const reader = new VerifiedReader(opened);
  try {
    for (let piece = await reader.next(); piece !== undefined; piece = await reader.next())
      pieces.push(piece);
  } finally {
    await reader.close();
  }
  const bytes = Buffer.concat(pieces);
  pieces.forEach(returnPiece);
  return bytes;
}
