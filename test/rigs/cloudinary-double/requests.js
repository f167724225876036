// @ts-check
import { Refusal } from "./refusal.js";

/** Bytes of one request at most; the service answers 413 above 100 MB. */
const maxRequestBytes = 100_000_000;

/** @typedef {{ fields: Map<string, string>, file: Buffer | undefined }} Form */

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<Buffer>}
 */
export async function readBody(request) {
  /** @type {Buffer[]} */
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > maxRequestBytes) throw new Refusal(413, "Request Entity Too Large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * A form as RFC 7578 has it: parts with names, and one that is a file.
 *
 * @param {string} contentType
 * @param {Buffer} body
 * @returns {Form}
 */
export function parseForm(contentType, body) {
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    return { fields: new Map(new URLSearchParams(body.toString("utf8"))), file: undefined };
  }
  const boundary = /^multipart\/form-data;.*boundary=("?)([^";]+)\1/.exec(contentType)?.[2];
  if (boundary === undefined) throw new Refusal(400, "Unsupported content type");
  /** @type {Form} */
  const form = { fields: new Map(), file: undefined };
  for (const { headers, content } of partsOf(body, `--${boundary}`)) {
    const name = /; name="([^"]*)"/.exec(headers)?.[1];
    if (name === undefined || form.fields.has(name)) throw new Refusal(400, "Invalid form");
    if (/; filename="/.test(headers)) form.file = content;
    else form.fields.set(name, content.toString("utf8"));
  }
  return form;
}

/**
 * @param {Buffer} body
 * @param {string} delimiter
 */
function* partsOf(body, delimiter) {
  let at = body.indexOf(delimiter);
  while (at >= 0) {
    const start = at + delimiter.length;
    if (body.toString("latin1", start, start + 2) === "--") return;
    const headEnd = body.indexOf("\r\n\r\n", start);
    const end = body.indexOf(`\r\n${delimiter}`, Math.max(headEnd, start));
    if (headEnd < 0 || end < 0) break;
    yield { headers: body.toString("utf8", start + 2, headEnd), content: body.subarray(headEnd + 4, end) };
    at = end + 2;
  }
  throw new Refusal(400, "Invalid form");
}
