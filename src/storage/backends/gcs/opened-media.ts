import type { Dispatcher } from "undici";
import type { Bytes, ObjectStat, OpenedObject } from "../../contract/backend.js";
import { TimeoutError } from "../../contract/error.js";
import type { Span } from "../../contract/range.js";

/** Milliseconds that a body nobody has begun to read may hold its connection. */
const unreadMs = 30_000;

type Incoming = Dispatcher.ResponseData["body"];

/** A version whose bytes are on their way. */
export class OpenedMedia implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: undefined;
  readonly #incoming: Incoming;
  readonly #timer: NodeJS.Timeout;
  #isLate = false;

  constructor(stat: ObjectStat, { start, end }: Span, incoming: Incoming) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.#incoming = incoming;
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
      for await (const piece of this.#incoming) if (piece.byteLength > 0) yield piece;
    } finally {
      release(this.#incoming);
    }
  }

  #expire(): void {
    this.#isLate = true;
    release(this.#incoming);
  }
}

/** Closes the connection unless all has come; what it then says is of no interest. */
export function release(incoming: Incoming): void {
  incoming.on("error", () => undefined).destroy();
}
