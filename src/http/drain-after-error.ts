import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isWaiting } from "./expect-continue.js";
import { hasBody, streamOf } from "./request-body.js";

/** How much of a refused upload is read and dropped, so that its client gets to see the answer. */
const limits = { maxBytes: 1024 * 1024, totalMs: 10_000, idleMs: 500 };

/**
 * An `onSend` hook for routes that take content. When the answer is there before the content was read, the
 * connection ends with it (RFC 9112 §9.3), but not at once: the rest is dropped for a while, because a reset
 * could overtake the answer. Of HTTP/2 only the stream ends, behind the answer (RFC 9113 §8.1).
 */
export function drainAfterError(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  // A request of `inject` is never complete, but ends as any other.
  const isUnread = !raw.complete && !raw.readableEnded && hasBody(raw);
  const endsConnection = isUnread && raw.httpVersionMajor === 1;
  if (endsConnection) reply.header("connection", "close");
  else if (isUnread) streamOf(raw).once("finish", () => streamOf(raw).close());
  done(null, endsConnection && !isWaiting(raw) && isText(payload) ? draining(reply, raw, payload) : payload);
}

function draining(
  reply: FastifyReply,
  message: IncomingMessage,
  payload: string | Buffer | null | undefined,
) {
  const bytes = Buffer.from(payload ?? "");
  // In an answer without content this field tells the length of what a GET would give (RFC 9110 §8.6).
  if (message.method !== "HEAD" && reply.statusCode !== 304) reply.header("content-length", bytes.byteLength);
  return Readable.from(answerThenDrop(bytes, message), { objectMode: false });
}

function isText(payload: unknown): payload is string | Buffer | undefined | null {
  return payload === undefined || payload === null || typeof payload === "string" || Buffer.isBuffer(payload);
}

async function* answerThenDrop(bytes: Buffer, message: IncomingMessage): AsyncGenerator<Buffer> {
  if (bytes.byteLength > 0) yield bytes;
  await drop(message);
}

function drop(message: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let size = 0;
    const total = setTimeout(done, limits.totalMs);
    const idle = setTimeout(done, limits.idleMs);
    const onData = (piece: Buffer) => {
      size += piece.byteLength;
      idle.refresh();
      if (size > limits.maxBytes) done();
    };
    function done() {
      clearTimeout(total);
      clearTimeout(idle);
      message.off("data", onData).off("end", done).off("close", done).pause();
      resolve();
    }
    message.on("data", onData).on("end", done).on("close", done).on("error", done).resume();
  });
}
