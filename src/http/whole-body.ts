import type { IncomingMessage } from "node:http";
import { continueRequest } from "./expect-continue.js";
import { contentTooLarge } from "./http-error.js";
import { isBelow, leastRate, tooSlow } from "./least-rate.js";
import { clientLeft } from "./request-body.js";

/**
 * All of a small request body at once. It takes half the time of iterating a RequestBody, and has the same refusals.
 *
 * @param maxBytes - most bytes to take.
 * @param rate - the slowest that they may come.
 * @throws HttpError (413) above `maxBytes`, (408) below `rate`, (499) when the client disconnects.
 */
export function readWhole(message: IncomingMessage, maxBytes: number, rate = leastRate): Promise<Buffer> {
  continueRequest(message);
  const pieces: Buffer[] = [];
  let size = 0;
  let sizeBefore = 0;
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      clearInterval(timer);
      message.off("data", onData).off("end", onEnd).off("error", onLeft).off("close", onLeft).pause();
      if (error === undefined) resolve(Buffer.concat(pieces, size));
      else reject(error);
    };
    const onData = (piece: Buffer) => {
      size += piece.byteLength;
      if (size > maxBytes) end(contentTooLarge({ maxBytes, envelopeBytes: 0 }));
      else pieces.push(piece);
    };
    // A stream of HTTP/2 that was reset ends like one that is complete.
    const onEnd = () => end(message.aborted ? clientLeft(undefined) : undefined);
    const onLeft = (cause?: Error) => end(clientLeft(cause));
    const timer = setInterval(() => {
      if (isBelow(rate, size - sizeBefore, rate.windowMs)) end(tooSlow(rate));
      sizeBefore = size;
    }, rate.windowMs).unref();
    if (message.destroyed || message.aborted) onLeft();
    else message.on("data", onData).on("end", onEnd).on("error", onLeft).on("close", onLeft);
  });
}
