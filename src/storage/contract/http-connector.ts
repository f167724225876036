import type { Socket } from "node:net";
import { buildConnector } from "undici";

/**
 * Connects for undici, with sockets that do not end while undici is told to wait. undici 7 ends the process
 * (`assert(!this.paused)` in its HTTP/1 parser) when a connection that is not kept alive ends or is reset while the
 * reader holds its body back. Every backend that uses undici must connect with this.
 *
 * @param timeoutMs - milliseconds in which a connection must be made.
 */
export function httpConnector(timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs });
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error === null) callback(null, holdEnd(socket));
      else callback(error, null);
    });
}

/**
 * Holds the end of the stream back until its reader, which is undici's parser, has read everything and asks for more.
 * The parser gives the rest of a piece back with `unshift` when it is paused, and calls `read()` when it goes on.
 */
function holdEnd<S extends Socket>(socket: S): S {
  const inner = {
    push: socket.push.bind(socket),
    read: socket.read.bind(socket),
    unshift: socket.unshift.bind(socket),
    destroy: socket.destroy.bind(socket),
  };
  let isPaused = false;
  let isEnding = false;
  const end = () => {
    if (isPaused || !isEnding || socket.readableLength > 0) return;
    isEnding = false;
    inner.push(null);
  };
  return Object.assign(socket, {
    push(piece: Buffer | null): boolean {
      if (piece !== null) return inner.push(piece);
      isEnding = true;
      end();
      return false;
    },
    unshift(piece: Buffer): void {
      isPaused = true;
      inner.unshift(piece);
    },
    read(size?: number): unknown {
      if (size === undefined) isPaused = false;
      const piece: unknown = inner.read(size);
      // Later, since the parser may be paused again while it goes on with nothing.
      if (size === undefined && piece === null && isEnding) process.nextTick(end);
      return piece;
    },
    destroy(error?: Error): S {
      // The parser would finish the answer when it hears of a reset or of a close without a reason.
      return inner.destroy(isPaused ? brokenBy(error) : error);
    },
  });
}

function brokenBy(error: Error | undefined): Error {
  if (error !== undefined && !("code" in error && error.code === "ECONNRESET")) return error;
  const message = "the connection broke before the body was read";
  return Object.assign(new Error(message, { cause: error }), { code: "UND_ERR_SOCKET" });
}
