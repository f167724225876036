import { answer, notFound, refused, xml } from "./answers.js";

const etag = '"9e107d9d372bb6826bd81d3542a419d6"';
const written = answer("200 OK", { etag });
const gone = answer("204 No Content", {});
/** What a client wants back with the content. */
const kept =
  /^(?:x-amz-meta-[^\r]*|content-(?:type|disposition|encoding|language):[^\r]*|cache-control:[^\r]*)\r\n/gim;

/** @typedef {{ whole: Buffer, headBytes: number, hasContent: boolean }} Stored An answer that is ready to be sent. */
/** @typedef {{ lines: string, sizes: Map<string, number> }} Upload */

/** Keeps small objects as the very answer to a GET; of large ones, sent in parts, it keeps the size. Checks no signature. */
export class Objects {
  #pages;
  /** @type {Map<string, Stored>} */
  #stored = new Map();
  /** @type {Map<string, Upload>} */
  #uploads = new Map();
  #lastUpload = 0;

  /** @param {import("./pages.js").ListPages} pages */
  constructor(pages) {
    this.#pages = pages;
  }

  /**
   * @param {import("./connection.js").Request} request
   * @returns {Buffer}
   */
  answer(request) {
    if (request.method === "PUT") return this.#put(request);
    if (request.method === "GET") return this.#get(request);
    if (request.method === "HEAD") return this.#head(request);
    if (request.method === "POST") return this.#post(request);
    this.#stored.delete(request.path);
    return gone;
  }

  /** @param {import("./connection.js").Request} request */
  #put({ path, query, head, size, pieces }) {
    if (query.includes("partNumber=")) return this.#putPart(query, size);
    const hasContent = pieces.length > 0 || size === 0;
    this.#store(path, linesOf(head), size, hasContent ? pieces : undefined);
    return written;
  }

  /**
   * @param {string} query
   * @param {number} size
   */
  #putPart(query, size) {
    const upload = this.#uploads.get(parameter(query, "uploadId"));
    upload?.sizes.set(parameter(query, "partNumber"), size);
    return upload === undefined ? notFound : written;
  }

  /** @param {import("./connection.js").Request} request */
  #get({ path, query }) {
    if (query.includes("list-type=2")) return this.#pages.answer(query);
    if (/(?:^|&)uploads(?:&|=|$)/.test(query)) return noUploads;
    const found = this.#stored.get(path);
    if (found === undefined) return notFound;
    return found.hasContent ? found.whole : refused;
  }

  /** @param {import("./connection.js").Request} request */
  #head({ path }) {
    const found = this.#stored.get(path);
    return found === undefined ? answer("404 Not Found", {}) : found.whole.subarray(0, found.headBytes);
  }

  /** @param {import("./connection.js").Request} request */
  #post({ path, query, head }) {
    const id = parameter(query, "uploadId");
    if (id !== "") return this.#complete(path, id);
    this.#lastUpload += 1;
    const created = `upload-${this.#lastUpload}`;
    this.#uploads.set(created, { lines: linesOf(head), sizes: new Map() });
    return xml(
      `<InitiateMultipartUploadResult>${place(path)}<UploadId>${created}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  /**
   * @param {string} path
   * @param {string} id
   */
  #complete(path, id) {
    const upload = this.#uploads.get(id);
    if (upload === undefined) return notFound;
    const size = [...upload.sizes.values()].reduce((sum, each) => sum + each, 0);
    this.#store(path, upload.lines, size, undefined);
    this.#uploads.delete(id);
    const location = `<Location>http://127.0.0.1${path}</Location>`;
    return xml(
      `<CompleteMultipartUploadResult>${location}${place(path)}<ETag>${etag}</ETag></CompleteMultipartUploadResult>`,
    );
  }

  /**
   * @param {string} path
   * @param {string} lines
   * @param {number} size
   * @param {Buffer[] | undefined} pieces
   */
  #store(path, lines, size, pieces) {
    const modified = "Last-Modified: Wed, 31 Jan 2024 23:59:59 GMT\r\n";
    const head = Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nETag: ${etag}\r\n${modified}${lines}\r\n`,
      "latin1",
    );
    const whole = pieces === undefined ? head : Buffer.concat([head, ...pieces]);
    this.#stored.set(path, { whole, headBytes: head.length, hasContent: pieces !== undefined });
  }
}

const noUploads = xml(
  "<ListMultipartUploadsResult><Bucket>bench</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
);

/** @param {string} head */
function linesOf(head) {
  const lines = head.match(kept)?.join("") ?? "";
  return /^content-type:/im.test(lines) ? lines : `${lines}content-type: binary/octet-stream\r\n`;
}

/** @param {string} path */
function place(path) {
  const [, bucket = "", ...key] = path.split("/");
  return `<Bucket>${bucket}</Bucket><Key>${key.join("/")}</Key>`;
}

/**
 * @param {string} query
 * @param {string} name
 */
export function parameter(query, name) {
  return new URLSearchParams(query).get(name) ?? "";
}
