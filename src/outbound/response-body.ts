import type { IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { ForeignError } from "./foreign-error.js";

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * The decoded content of a response, once. Bytes are counted after decoding, so that a small response cannot become a
 * large one.
 *
 * @param maxBytes - most bytes to yield.
 * @throws ForeignError: `bad_response` for an unknown or broken content coding, `response_too_large` past the limit.
 */
export async function* readBody(response: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  try {
    for await (const piece of decoded(response)) {
      size += piece.byteLength;
      if (size > maxBytes) {
        throw new ForeignError("response_too_large", `the response is larger than ${maxBytes} bytes`);
      }
      yield piece;
    }
  } finally {
    response.destroy();
  }
}

function decoded(response: IncomingMessage): Readable {
  const coding = (response.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (coding === "identity" || coding === "") return response;
  const decoder = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
  if (decoder === undefined)
    throw new ForeignError("bad_response", "the response has an unknown content coding");
  // The consumer of the last stream is told the error; the callback keeps it from being thrown a second time.
  return pipeline(response, decoder(), () => undefined);
}
