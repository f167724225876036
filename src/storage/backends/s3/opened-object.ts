import type { Bytes, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { malformedAnswer } from "./wire/answer-document.js";
import { BodyStream } from "./wire/body-stream.js";
import { S3Error } from "./wire/s3-error.js";

/** Asks for the object again, from a byte on and in the same version. */
export type Reopen = (start: number) => Promise<Buffer | BodyStream>;

export interface OpenedObjectOptions {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly body: Buffer | BodyStream;
  readonly reopen: Reopen;
  readonly signal: AbortSignal | undefined;
}

/** An object whose body arrives. When its reader was away for too long the rest is asked for again. */
export class OpenedS3Object implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly #reopen: Reopen;
  readonly #signal: AbortSignal | undefined;
  #current: Buffer | BodyStream | undefined;

  constructor({ stat, start, end, body, reopen, signal }: OpenedObjectOptions) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.#current = body;
    this.#reopen = reopen;
    this.#signal = signal;
    // What a socket gives is never shared memory.
    if (!(body instanceof BodyStream)) this.bytes = body as Buffer<ArrayBuffer>;
  }

  get body(): Bytes {
    return this.#pieces();
  }

  close(): Promise<void> {
    if (this.#current instanceof BodyStream) this.#current.cancel();
    this.#current = undefined;
    return Promise.resolve();
  }

  async *#pieces(): Bytes {
    let at = this.start;
    try {
      while (at < this.end) {
        const piece = await this.#next(at);
        this.#signal?.throwIfAborted();
        at += piece.byteLength;
        if (at > this.end) throw malformedAnswer();
        yield piece;
      }
    } finally {
      await this.close();
    }
  }

  async #next(at: number): Promise<Buffer> {
    this.#signal?.throwIfAborted();
    const piece = await this.#nextOf(this.#current);
    if (piece !== undefined) return piece;
    if (!(this.#current instanceof BodyStream && this.#current.isGivenUp)) throw endedEarly();
    this.#current = await this.#reopen(at);
    return (await this.#nextOf(this.#current)) ?? Promise.reject(endedEarly());
  }

  #nextOf(current: Buffer | BodyStream | undefined): Promise<Buffer | undefined> {
    if (current instanceof BodyStream) return current.next();
    this.#current = undefined;
    return Promise.resolve(current);
  }
}

function endedEarly(): S3Error {
  return new S3Error({ status: 500, code: "IncompleteBody" });
}
