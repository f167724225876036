// @ts-check
import { invalid } from "./refusal.js";

/**
 * The two parts of an upload with its metadata
 * (https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects, RFC 2387).
 *
 * @param {Buffer} body
 * @param {string} contentType
 * @returns {{ metadata: Record<string, unknown>, contentType: string | undefined, content: Buffer }}
 */
export function readRelated(body, contentType) {
  const boundary = /^multipart\/related;.*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) throw invalid("Missing multipart boundary in Content-Type.");
  const [first, second, ...more] = splitParts(body, Buffer.from(`--${name}`));
  if (first === undefined || second === undefined || more.length > 0) {
    throw invalid("Multipart upload must have exactly two parts.");
  }
  if (!/application\/json/i.test(first.headers)) throw invalid("The first part must be application/json.");
  const type = /^content-type:\s*(.*)$/im.exec(second.headers)?.[1]?.trim();
  return { metadata: readObject(first.content.toString()), contentType: type, content: second.content };
}

/** @param {string} text @returns {Record<string, unknown>} */
export function readObject(text) {
  try {
    const value = text.trim() === "" ? {} : JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Refused below.
  }
  throw invalid("Parse Error");
}

/** @param {Buffer} body @param {Buffer} delimiter */
function splitParts(body, delimiter) {
  const parts = [];
  let at = body.indexOf(delimiter);
  if (at !== 0) throw invalid("The body does not begin with the boundary.");
  for (;;) {
    const start = at + delimiter.length;
    if (body.subarray(start, start + 2).toString() === "--") return parts;
    const headEnd = body.indexOf("\r\n\r\n", start);
    at = body.indexOf(Buffer.concat([Buffer.from("\r\n"), delimiter]), headEnd + 4);
    if (headEnd < 0 || at < 0) throw invalid("The body does not end with the boundary.");
    parts.push({
      headers: body.subarray(start, headEnd).toString(),
      content: body.subarray(headEnd + 4, at),
    });
    at += 2;
  }
}
