import type { Readable } from "node:stream";
import type { ObjectStat, OpenedObject } from "./backend.js";
import { Opened, type PieceReader } from "./opened.js";
import type { Span } from "./range.js";
import { ResumingReader } from "./resuming-reader.js";

/** Milliseconds that a reader may let a service wait before the connection is given up, unless an option says otherwise. */
export const defaultIdleMs = 10_000;
/** Least and greatest number of milliseconds that the option `idleBodyMs` may have: a timer takes no more. */
export const idleMsRange = [1, 2 ** 31 - 1] as const;
/** Least and greatest number that the option `maxConnections` may have. */
export const connectionsRange = [1, 65_535] as const;

/** A connection was given up because its reader let the service wait too long; the rest must be asked for again. */
export class IdleReaderError extends Error {
  constructor() {
    super("the reader let the service wait too long");
    this.name = "IdleReaderError";
  }
}

export interface ResponseBodyOptions {
  /** Milliseconds that the reader may let the service wait. */
  readonly idleMs: number;
  /** Closes the connection before all has come. Default: destroys the stream. */
  readonly cancel?: (() => void) | undefined;
  /** All has come: the connection is free for the next request. */
  readonly finish?: (() => void) | undefined;
  /** The error to tell instead of the stream's own. */
  readonly errorOf?: ((error: unknown) => unknown) | undefined;
}

/**
 * The body of an answer while it arrives. The rule for an unread body: a reader that is away for `idleMs` loses the
 * connection, and the next read asks for the rest.
 */
export class ResponseBody implements PieceReader {
  readonly #stream: Readable;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #options: ResponseBodyOptions;
  #timer: NodeJS.Timeout | undefined;
  #isGivenUp = false;
  #isEnded = false;

  constructor(stream: Readable, options: ResponseBodyOptions) {
    // An error between two pieces is told with the next one.
    stream.on("error", () => undefined);
    this.#stream = stream;
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#options = options;
    this.#waitForReader();
  }

  async next(): Promise<Uint8Array | undefined> {
    clearTimeout(this.#timer);
    if (this.#isGivenUp) throw new IdleReaderError();
    const piece = await this.#next();
    if (piece !== undefined) {
      this.#waitForReader();
      return piece;
    }
    this.#isEnded = true;
    this.#options.finish?.();
    return undefined;
  }

  /** Closes the connection unless all has come. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#options.cancel === undefined) this.#stream.destroy();
    else this.#options.cancel();
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const { done, value } = await this.#pieces.next();
        if (done === true) return undefined;
        if (value.byteLength > 0) return value;
      }
    } catch (error) {
      throw this.#options.errorOf?.(error) ?? error;
    }
  }

  #waitForReader(): void {
    if (this.#isEnded) return;
    this.#timer = setTimeout(() => {
      this.#isGivenUp = true;
      void this.close();
    }, this.#options.idleMs).unref();
  }
}

/**
 * An opened object whose body arrives over a connection.
 *
 * @param reopen - asks for the object from a byte on, in the same version.
 * @param signal - ends the reading, with its reason.
 */
export function openedResponse(
  stat: ObjectStat,
  span: Span,
  body: PieceReader,
  reopen: (at: number) => Promise<PieceReader>,
  signal: AbortSignal | undefined,
): OpenedObject {
  const goOn = (at: number, cause: unknown) => {
    if (cause instanceof IdleReaderError) return reopen(at);
    throw cause;
  };
  return new Opened(stat, span, new ResumingReader(span, body, goOn, signal));
}
