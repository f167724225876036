import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
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

/** Calls the listener once, when the answer is done or its client has left; at once where that was before. */
export function whenClosed(raw: ServerResponse, listener: () => void): void {
  if (raw.destroyed || isReset(raw)) {
    listener();
    return;
  }
  raw.once("close", listener);
  // Node leaves a stream of HTTP/2 that is reset with NO_ERROR amid its answer as it is: it tells no `close`, and the
  // server's own close waits for it.
  if (isHttp2(raw)) raw.req.once("aborted", () => raw.destroy());
  else if (raw.socket === null && !raw.writableFinished) closeWith(raw.req.socket, raw);
}

/** The answers that wait for their turn on a connection. */
const waiting = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * An answer that waits behind another of its connection (pipelining) has no socket. Node 20 and 22 tell it no `close` when
 * the connection ends; this does, as Node 24 does.
 */
function closeWith(socket: Socket, raw: ServerResponse): void {
  if (socket.destroyed) {
    close(raw);
    return;
  }
  const answers = waiting.get(socket) ?? watch(socket);
  if (answers.has(raw)) return;
  answers.add(raw);
  raw.once("close", () => answers.delete(raw));
}

function watch(socket: Socket): Set<ServerResponse> {
  const answers = new Set<ServerResponse>();
  waiting.set(socket, answers);
  socket.once("close", () => answers.forEach(close));
  return answers;
}

function close(raw: ServerResponse): void {
  raw.destroy();
  raw.emit("close");
}

/** HTTP/2 has no `destroyed`, and calls the response of a stream that was reset finished. */
function isReset(raw: ServerResponse): boolean {
  return isHttp2(raw) && raw.req.aborted;
}

/** Responses of `app.inject` have no request. */
function isHttp2({ req }: ServerResponse): boolean {
  return req?.httpVersionMajor === 2;
}
