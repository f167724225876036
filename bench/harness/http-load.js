import { connect } from "node:net";

/**
 * @typedef {object} Load
 * @property {number} port
 * @property {number} connections Each has one request under way.
 * @property {number} count Requests in all.
 * @property {(index: number) => string | readonly Uint8Array[]} request The bytes of one request.
 * @property {number} status What each answer must have.
 * @property {number} [size] The length that each answer must have.
 */

/**
 * Sends requests over connections that stay open, with as little work of our own as may be: of an answer only the
 * status and the length are read.
 *
 * @param {Load} load
 * @returns {Promise<string | undefined>} what was wrong with the first answer that was.
 */
export async function runLoad(load) {
  let next = 0;
  /** @type {string | undefined} */
  let fault;
  const take = () => (next < load.count && fault === undefined ? next++ : undefined);
  const connections = Array.from({ length: Math.min(load.connections, load.count) }, () =>
    runConnection(load, take).catch((error) => {
      fault ??= String(error.message);
    }),
  );
  await Promise.all(connections);
  return fault;
}

/**
 * @param {Load} load
 * @param {() => number | undefined} take
 * @returns {Promise<void>}
 */
function runConnection({ port, request, status, size }, take) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const answer = new AnswerReader(status, size);
    const send = () => {
      const index = take();
      if (index === undefined) {
        socket.destroy();
        return resolve();
      }
      const parts = request(index);
      if (typeof parts === "string") socket.write(parts, "latin1");
      else for (const part of parts) socket.write(part);
    };
    socket.on("connect", send);
    socket.on("data", (data) => {
      try {
        if (answer.take(data)) send();
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server closed the connection")));
  });
}

/** Finds where the answers on one connection end. */
class AnswerReader {
  #head = "";
  /** Bytes of content that have yet to come; `undefined` while the head comes. */
  #missing = /** @type {number | undefined} */ (undefined);
  #status;
  #size;

  /**
   * @param {number} status
   * @param {number | undefined} size
   */
  constructor(status, size) {
    this.#status = status;
    this.#size = size;
  }

  /** @param {Buffer} data @returns {boolean} whether the answer is whole. */
  take(data) {
    if (this.#missing === undefined) this.#takeHead(data);
    else this.#missing -= data.length;
    if (this.#missing !== 0) return false;
    this.#missing = undefined;
    return true;
  }

  /** @param {Buffer} data */
  #takeHead(data) {
    const before = this.#head.length;
    this.#head += data.toString("latin1", 0, 4096);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    this.#missing = this.#lengthOf(this.#head) - (data.length - (end + 4 - before));
    this.#head = "";
  }

  /** @param {string} head */
  #lengthOf(head) {
    const length = Number(/\r\ncontent-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
    const isOfSize = this.#size === undefined || length === this.#size;
    if (!head.startsWith(`HTTP/1.1 ${this.#status}`) || !isOfSize) {
      throw new Error(`'${head.slice(0, 80).replaceAll(/\s+/g, " ")}' with ${length} bytes`);
    }
    return this.#status === 304 ? 0 : length;
  }
}

/**
 * @param {string} target
 * @param {string} [fields]
 */
export function getRequest(target, fields = "") {
  return `GET ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\n${fields}\r\n`;
}
