import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, ServerHttp2Stream } from "node:http2";
import { continueRequest } from "./expect-continue.js";
import { type BodyLimit, badRequest, contentTooLarge, HttpError } from "./http-error.js";
import { LeastRate, leastRate, type Rate } from "./least-rate.js";

/** True when the message brings content (RFC 9112 §6, RFC 9113 §8.1). */
export function hasBody(message: IncomingMessage): boolean {
  const { headers } = message;
  if (message.httpVersionMajor === 2) return !streamOf(message).endAfterHeaders;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** The stream of a request of HTTP/2, which Fastify gives the types of HTTP/1. */
export function streamOf(message: IncomingMessage): ServerHttp2Stream {
  return (message as unknown as Http2ServerRequest).stream;
}

/** The declared length in bytes; `undefined` when only the end of the content will tell. */
export function declaredLength({ headers }: IncomingMessage): number | undefined {
  const field = headers["content-length"];
  return field === undefined || headers["transfer-encoding"] !== undefined ? undefined : Number(field);
}

/**
 * Refuses a request that its headers alone make invalid, before a byte of the content is read.
 *
 * @param limit - most bytes the content may have.
 */
export function checkBody(message: IncomingMessage, limit: BodyLimit): void {
  const { headers, headersDistinct } = message;
  const coding = headers["transfer-encoding"] ?? "chunked";
  if (coding.toLowerCase() !== "chunked") throw badRequest("the only accepted transfer coding is chunked");
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new HttpError(415, "unsupported_type", "content must come without a content encoding");
  }
  if (headers["content-range"] !== undefined)
    throw badRequest("Content-Range is not supported: send the whole object");
  // Requests of `app.inject` have no such lists.
  if ((headersDistinct?.["content-type"]?.length ?? 0) > 1) throw badRequest("there are two content types");
  if ((declaredLength(message) ?? 0) > most(limit)) throw contentTooLarge(limit);
}

/**
 * The content of a request, once. Ending the iteration early leaves the connection alone, so that the
 * client can still be told why; a client that leaves makes it throw an HttpError with the code `aborted` (499), one
 * that sends too slowly one with the code `request_timeout` (408).
 */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #message: IncomingMessage;
  readonly #limit: BodyLimit;
  readonly #rate: Rate;

  /**
   * @param limit - most bytes to let through.
   * @param rate - the slowest that they may come.
   */
  constructor(message: IncomingMessage, limit: BodyLimit, rate: Rate = leastRate) {
    this.#message = message;
    this.#limit = limit;
    this.#rate = rate;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    continueRequest(this.#message);
    let size = 0;
    for await (const piece of this.#pieces()) {
      size += piece.byteLength;
      if (size > most(this.#limit)) throw contentTooLarge(this.#limit);
      yield piece;
    }
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    const pieces = this.#message.iterator({ destroyOnReturn: false });
    const pace = new LeastRate(this.#rate);
    try {
      for (let next = await pace.next(pieces); next.done !== true; next = await pace.next(pieces)) {
        yield next.value;
      }
      // A stream of HTTP/2 that was reset before it was read ends like one that is complete.
      if (this.#message.aborted) throw clientLeft(undefined);
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw clientLeft(error);
    } finally {
      pace.stop();
      void pieces.return?.();
    }
  }
}

export function clientLeft(cause: unknown): HttpError {
  const message = "the client disconnected before the request body was complete";
  return new HttpError(499, "aborted", message, {}, { cause });
}

function most({ maxBytes, envelopeBytes }: BodyLimit): number {
  return maxBytes + envelopeBytes;
}
