import type { Bytes, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { endedEarly, type Incoming } from "./incoming.js";

export interface OpenedBlobOptions {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  /** All of it, when it has come. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly incoming: Incoming;
  /** Asks for the object again, from a byte on and in the same version. */
  readonly reopen: (from: number) => Promise<Incoming>;
  readonly signal: AbortSignal | undefined;
}

/** One version of an object whose body arrives. When its reader was away for too long the rest is asked for again. */
export class OpenedBlob implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #reopen: (from: number) => Promise<Incoming>;
  readonly #signal: AbortSignal | undefined;
  #incoming: Incoming;

  constructor({ stat, start, end, bytes, incoming, reopen, signal }: OpenedBlobOptions) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.bytes = bytes;
    this.#incoming = incoming;
    this.#reopen = reopen;
    this.#signal = signal;
  }

  get body(): Bytes {
    return this.#pieces();
  }

  close(): Promise<void> {
    this.#incoming.cancel();
    return Promise.resolve();
  }

  async *#pieces(): Bytes {
    if (this.bytes !== undefined) {
      if (this.bytes.byteLength > 0) yield this.bytes;
      return;
    }
    let at = this.start;
    try {
      while (at < this.end) {
        const piece = await this.#next(at);
        this.#signal?.throwIfAborted();
        at += piece.byteLength;
        yield piece;
      }
    } finally {
      if (at >= this.end) this.#incoming.end();
      else await this.close();
    }
  }

  async #next(at: number): Promise<Buffer> {
    this.#signal?.throwIfAborted();
    const piece = await this.#incoming.next();
    if (piece !== undefined) return piece;
    if (!this.#incoming.isGivenUp) throw endedEarly();
    this.#incoming = await this.#reopen(at);
    return (await this.#incoming.next()) ?? Promise.reject(endedEarly());
  }
}
