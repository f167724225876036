// @ts-check
import { Refusal } from "./refusal.js";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

const maxBuffered = 64 * 1_048_576;

/** @param {Request} request */
export async function readAll(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > maxBuffered)
      throw new Refusal(413, "uploadTooLarge", "Payload too large for one request here");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** @param {Response} response @param {number} status @param {unknown} body */
export function sendJson(response, status, body) {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8" }).end(JSON.stringify(body));
}
