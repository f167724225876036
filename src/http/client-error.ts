import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { HttpError } from "./http-error.js";
import { problemContentType, problemOf } from "./problem.js";

/**
 * Answers what Node's parser refuses, before there is a request, with problem+json like every other failure. For
 * Fastify's option `clientErrorHandler`.
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable || isAnswering(socket)) {
    socket.destroy(error);
    return;
  }
  const { status, ...problem } = problemOf(refusalOf(error.code));
  const body = JSON.stringify({ ...problem, status });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${problemContentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Behind the head of another answer there is no room for this one; Node's own default asks the same. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: answer }: { _httpMessage?: { readonly headersSent: boolean } | null } =
    socket as object;
  return answer?.headersSent === true;
}

function refusalOf(code: string | undefined): HttpError {
  if (code === "HPE_HEADER_OVERFLOW") {
    return new HttpError(431, "headers_too_large", "the header section is too long");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HttpError(408, "request_timeout", "the request came too slowly");
  }
  return new HttpError(400, "bad_request", "the request is not valid HTTP/1.1 (RFC 9112)");
}
