import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

/**
 * A signal for what is done on behalf of one request: it fires when the connection, or the stream of HTTP/2, closes before
 * the answer is done. Fastify's `request.signal` will not do: it fires as soon as the content has been read.
 */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const departure = new AbortController();
  whenClosed(raw, () => {
    if (isReset(raw) || !raw.writableFinished) departure.abort();
  });
  return departure.signal;
}

/** Calls the listener when the answer is done or its client has left; at once where that was before, and perhaps twice. */
export function whenClosed(raw: ServerResponse, listener: () => void): void {
  if (raw.destroyed || isReset(raw)) {
    listener();
    return;
  }
  raw.once("close", listener);
  // A stream of HTTP/2 that is reset with NO_ERROR while the answer waits for room tells no `close`.
  if (isHttp2(raw)) raw.req.once("aborted", listener);
}

/** HTTP/2 has no `destroyed`, and calls the response of a stream that was reset finished. */
function isReset(raw: ServerResponse): boolean {
  return isHttp2(raw) && raw.req.aborted;
}

/** Responses of `app.inject` have no request. */
function isHttp2({ req }: ServerResponse): boolean {
  return req?.httpVersionMajor === 2;
}
