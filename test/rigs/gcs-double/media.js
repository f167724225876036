// @ts-check
import { pipeline } from "node:stream/promises";

/**
 * @typedef {import("./object-table.js").StoredObject} StoredObject
 * @typedef {import("node:http").ServerResponse} ServerResponse
 */

/**
 * Gives an object's content, or the range of it that was asked for (RFC 9110 §14).
 *
 * @param {StoredObject} object
 * @param {import("node:http").IncomingMessage} request
 * @param {ServerResponse} response
 * @param {Readonly<Record<string, string>>} [more] - headers that a signed URL asks for.
 */
export async function sendMedia(object, request, response, more = {}) {
  const { size } = object.content;
  const range = readRange(request.headers.range, size);
  if (range === "outside") {
    const body = "The requested range cannot be satisfied.";
    response
      .writeHead(416, { "content-type": "text/html; charset=UTF-8", "content-range": `bytes */${size}` })
      .end(body);
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range === undefined ? 200 : 206, {
    ...headersOf(object),
    "content-length": end - start,
    ...(range !== undefined && { "content-range": `bytes ${start}-${end - 1}/${size}` }),
    ...more,
  });
  if (request.method === "HEAD") response.end();
  else await pipeline(object.content.read(start, end), response);
}

/** @param {StoredObject} object */
function headersOf({ content, description, generation, metageneration, updated }) {
  const { contentType, contentDisposition, contentEncoding, cacheControl } = description;
  return {
    "content-type": String(contentType ?? "application/octet-stream"),
    ...(contentDisposition !== undefined && { "content-disposition": String(contentDisposition) }),
    ...(contentEncoding !== undefined && { "content-encoding": String(contentEncoding) }),
    "cache-control": String(cacheControl ?? "private, max-age=0"),
    "accept-ranges": "bytes",
    "last-modified": new Date(updated).toUTCString(),
    etag: `"${generation}-${metageneration}"`,
    "x-goog-generation": String(generation),
    "x-goog-metageneration": String(metageneration),
    "x-goog-hash": `crc32c=${content.crc32c},md5=${content.md5}`,
    "x-goog-stored-content-length": content.size,
    "x-goog-stored-content-encoding": String(contentEncoding ?? "identity"),
    "x-goog-storage-class": "STANDARD",
  };
}

/**
 * A header that is no range is ignored.
 *
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "outside" | undefined}
 */
function readRange(header, size) {
  const [, first, last] = /^bytes=([0-9]*)-([0-9]*)$/.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || first + last === "") return undefined;
  if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
  return start < end ? { start, end } : "outside";
}
