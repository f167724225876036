/**
 * @param {string} status
 * @param {Record<string, string>} headers
 * @param {string} [content]
 */
export function answer(status, headers, content = "") {
  const bytes = Buffer.from(content);
  const length = status.startsWith("204") ? {} : { "content-length": String(bytes.length) };
  const lines = Object.entries({ ...length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1"), bytes]);
}

/** @param {string} element */
export function xml(element) {
  const content = `<?xml version="1.0" encoding="UTF-8"?>\n${element}`;
  return answer("200 OK", { "content-type": "application/xml" }, content);
}

export const notFound = error("404 Not Found", "NoSuchKey");
/** What no case needs is not done at all, rather than wrongly. */
export const refused = error("501 Not Implemented", "NotImplemented");

/**
 * @param {string} status
 * @param {string} code
 */
function error(status, code) {
  const content = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return answer(status, { "content-type": "application/xml" }, content);
}
