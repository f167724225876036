import type { Dispatcher } from "undici";
import type { Bytes, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { TimeoutError } from "../../contract/error.js";
import type { Span } from "../../contract/range.js";

/** Milliseconds that a body nobody has begun to read may hold its connection. */
const unreadMs = 30_000;

export type Incoming = Dispatcher.ResponseData["body"];

/** An object whose bytes are in memory already. */
export class BufferedAsset implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(stat: ObjectStat, { start, end }: Span, bytes: Uint8Array<ArrayBuffer>) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.bytes = bytes;
  }

  get body(): Bytes {
    return once(this.bytes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** An object whose bytes are on their way. */
export class ArrivingAsset implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: undefined;
  readonly #incoming: Incoming;
  readonly #skipBytes: number;
  readonly #timer: NodeJS.Timeout;
  #isLate = false;

  /** @param skipBytes - what comes before the part that was asked for. */
  constructor(stat: ObjectStat, { start, end }: Span, incoming: Incoming, skipBytes: number) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.#incoming = incoming;
    this.#skipBytes = skipBytes;
    this.#timer = setTimeout(() => this.#expire(), unreadMs).unref();
  }

  get body(): Bytes {
    return this.#pieces();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    release(this.#incoming);
  }

  async *#pieces(): Bytes {
    clearTimeout(this.#timer);
    if (this.#isLate) throw new TimeoutError({ message: "the body was not read in time" });
    try {
      yield* partOf(this.#incoming, this.#skipBytes, this.end - this.start);
    } finally {
      release(this.#incoming);
    }
  }

  #expire(): void {
    this.#isLate = true;
    release(this.#incoming);
  }
}

/** `length` bytes behind the first `skip`. */
export async function* partOf(content: Bytes, skip: number, length: number): Bytes {
  let at = 0;
  for await (const piece of content) {
    const part = piece.subarray(Math.max(0, skip - at), Math.max(0, skip + length - at));
    at += piece.byteLength;
    if (part.byteLength > 0) yield part;
    if (at >= skip + length) return;
  }
}

/** Closes the connection unless all has come; what it then says is of no interest. */
export function release(incoming: Incoming): void {
  incoming.on("error", () => undefined).destroy();
}

async function* once(bytes: Uint8Array<ArrayBuffer>): Bytes {
  if (bytes.byteLength > 0) yield bytes;
}
