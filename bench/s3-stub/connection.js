const endOfHead = "\r\n\r\n";
const goOn = "HTTP/1.1 100 Continue\r\n\r\n";
const nothing = Buffer.alloc(0);
/** Longer content is counted and thrown away. */
const maxKeptBytes = 2 ** 20;

/**
 * @typedef {object} Request
 * @property {string} method
 * @property {string} path As it came.
 * @property {string} query Without `?`.
 * @property {string} head All of it, as text.
 * @property {number} size Bytes of content.
 * @property {Buffer[]} pieces The content, where it is short enough to be kept.
 */

/** Reads the requests of one client with as little work as HTTP/1.1 allows: content has a length, one answer at a time. */
export class Connection {
  /** @type {import("node:net").Socket} */
  #socket;
  /** @type {import("./objects.js").Objects} */
  #objects;
  /** @type {Request | undefined} */
  #request;
  #missing = 0;
  /** @type {Buffer} */
  #rest = nothing;

  /**
   * @param {import("node:net").Socket} socket
   * @param {import("./objects.js").Objects} objects
   */
  constructor(socket, objects) {
    this.#socket = socket;
    this.#objects = objects;
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", () => socket.destroy());
  }

  /** @param {Buffer} bytes */
  #take(bytes) {
    let left = bytes;
    while (left.length > 0 || this.#isWhole) {
      if (this.#request === undefined) left = this.#takeHead(left);
      else left = this.#takeContent(this.#request, left);
    }
  }

  get #isWhole() {
    return this.#request !== undefined && this.#missing === 0;
  }

  /** @param {Buffer} bytes */
  #takeHead(bytes) {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const end = all.indexOf(endOfHead);
    this.#rest = end < 0 ? all : nothing;
    if (end < 0) return nothing;
    const head = all.toString("latin1", 0, end + 2);
    this.#request = requestOf(head);
    this.#missing = this.#request.size;
    if (/\r\nexpect: *100-continue\r/i.test(head)) this.#socket.write(goOn);
    return all.subarray(end + endOfHead.length);
  }

  /**
   * @param {Request} request
   * @param {Buffer} bytes
   */
  #takeContent(request, bytes) {
    const piece = bytes.subarray(0, this.#missing);
    this.#missing -= piece.length;
    if (request.size <= maxKeptBytes) request.pieces.push(piece);
    if (this.#missing > 0) return nothing;
    this.#request = undefined;
    this.#socket.write(this.#objects.answer(request));
    return bytes.subarray(piece.length);
  }
}

/**
 * @param {string} head
 * @returns {Request}
 */
function requestOf(head) {
  if (/\r\ntransfer-encoding:/i.test(head)) throw new Error("the stub takes content with a length only");
  const [method = "", target = ""] = head.slice(0, head.indexOf("\r\n")).split(" ");
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const size = Number(/\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
  return { method, path, query, head, size, pieces: [] };
}
