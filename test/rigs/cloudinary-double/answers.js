// @ts-check
import { HtmlRefusal, Refusal } from "./refusal.js";

const typeOfFormat = /** @type {Readonly<Record<string, string>>} */ ({
  avif: "image/avif",
  gif: "image/gif",
  jpg: "image/jpeg",
  mov: "video/quicktime",
  mp4: "video/mp4",
  png: "image/png",
  webm: "video/webm",
  webp: "image/webp",
});

/**
 * @param {import("node:http").ServerResponse} response
 * @param {unknown} value
 * @param {Readonly<Record<string, string>>} [headers]
 */
export function sendJson(response, value, headers = {}) {
  response.writeHead(200, { ...headers, "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {unknown} error
 */
export function sendError(response, error) {
  const { status, message, headers } = error instanceof Refusal ? error : new Refusal(500, String(error));
  const isHtml = error instanceof HtmlRefusal;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    ...headers,
    "content-type": isHtml ? "text/html" : "application/json; charset=utf-8",
  });
  response.end(isHtml ? `<html><body>${message}</body></html>` : JSON.stringify({ error: { message } }));
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @param {import("./assets.js").StoredAsset} asset
 * @param {{ headers: Readonly<Record<string, string>>, honoursRanges: boolean, format?: string | undefined }} options
 */
export function sendContent(
  request,
  response,
  { content, format: own, etag },
  { headers, honoursRanges, format },
) {
  const known = {
    ...headers,
    etag: `"${etag}"`,
    "content-type": typeOfFormat[format ?? own ?? ""] ?? "application/octet-stream",
  };
  const [, from, to] = /^bytes=([0-9]+)-([0-9]+)$/.exec(request.headers.range ?? "") ?? [];
  if (!honoursRanges || from === undefined || to === undefined) {
    response.writeHead(200, { ...known, "content-length": content.length });
    return response.end(content);
  }
  if (Number(from) >= content.length)
    return response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
  const part = content.subarray(Number(from), Number(to) + 1);
  const end = Number(from) + part.length - 1;
  response.writeHead(206, {
    ...known,
    "content-length": part.length,
    "content-range": `bytes ${from}-${end}/${content.length}`,
  });
  return response.end(part);
}

/** @param {string} name */
export function attachment(name) {
  const isPlain = /^[A-Za-z0-9._ -]+$/.test(name);
  return isPlain
    ? `attachment; filename="${name}"`
    : `attachment; filename*=UTF-8''${encodeURIComponent(name)}`;
}
