import type { FastifyReply } from "fastify";
import { whenClosed } from "../../../http/index.js";
import type { FileBody } from "../../content/file-body.js";
import { PieceStream } from "./piece-stream.js";

/** Content up to this many bytes goes out in one write; a stream costs more than it saves. */
const oneWriteBytes = 64 * 1024;

/**
 * Sends content whose headers are set. Nothing is sent before the first piece is there, so that a failure
 * up to then has a status of its own; a later one cuts the connection. A client that leaves ends the read.
 */
export async function sendBody(reply: FastifyReply, body: FileBody): Promise<FastifyReply> {
  try {
    if (body.size <= oneWriteBytes) return reply.send(asBuffer(await body.bytes()));
    return await stream(reply, body);
  } catch (error) {
    for (const name of Object.keys(reply.getHeaders())) {
      if (contentFields.has(name)) reply.removeHeader(name);
    }
    throw error;
  }
}

/** What describes the content and not the answer as a whole. */
const contentFields: ReadonlySet<string> = new Set([
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "accept-ranges",
  "etag",
  "last-modified",
]);

/** The headers are not sent before the first piece is there. */
async function stream(reply: FastifyReply, body: FileBody): Promise<FastifyReply> {
  const close = () => void body.close().catch(() => undefined);
  whenClosed(reply.raw, close);
  const pieces = body[Symbol.asyncIterator]();
  return reply.send(new PieceStream(await pieces.next(), pieces));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
