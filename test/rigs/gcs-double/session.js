// @ts-check
import { randomBytes } from "node:crypto";
import { ContentWriter } from "./content.js";
import { checkIntegrity } from "./integrity.js";
import { invalid, Refusal } from "./refusal.js";

/** Chunks but for the last are multiples of it. */
const unit = 262_144;

/**
 * What a request to a session is answered: the object, or how many bytes have been kept.
 *
 * @typedef {{ object: import("./object-table.js").StoredObject } | { kept: number }} SessionAnswer
 */

/** One resumable upload (https://cloud.google.com/storage/docs/performing-resumable-uploads). */
export class Session {
  id = `AHmUCY${randomBytes(60).toString("base64url")}`;
  /** @type {"open" | "cancelled" | "done"} */
  state = "open";
  #writer;
  #keepsAtMost;
  #table;
  #name;
  #metadata;
  #query;
  /** @type {import("./object-table.js").StoredObject | undefined} */
  #object;
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /**
   * @param {import("./object-table.js").ObjectTable} table
   * @param {{ name: string, metadata: Record<string, unknown>, query: URLSearchParams, folder: string, keepsAtMost: number }} upload
   */
  constructor(table, { name, metadata, query, folder, keepsAtMost }) {
    this.#keepsAtMost = keepsAtMost;
    this.#table = table;
    this.#name = name;
    this.#metadata = metadata;
    this.#query = query;
    this.#writer = new ContentWriter(folder);
  }

  /**
   * One request after the other.
   *
   * @param {string | undefined} contentRange
   * @param {import("node:http").IncomingMessage} request
   * @returns {Promise<SessionAnswer>}
   */
  put(contentRange, request) {
    const answer = this.#turn.then(() => this.#put(contentRange, request));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  cancel() {
    if (this.state !== "open") return;
    this.state = "cancelled";
    this.#writer.discard();
  }

  /**
   * @param {string | undefined} contentRange
   * @param {import("node:http").IncomingMessage} request
   * @returns {Promise<SessionAnswer>}
   */
  async #put(contentRange, request) {
    if (this.state === "cancelled") throw new Refusal(499, "cancelled", "The upload was cancelled.");
    if (this.#object !== undefined) return { object: this.#object };
    const { start, end, total } = readRange(contentRange);
    const hash = request.headers["x-goog-hash"];
    if (start === undefined || end === undefined) return this.#status(total, hash);
    if (start > this.#writer.size) throw invalid("The chunk does not begin where the last one ended.");
    const isLast = total !== undefined && end + 1 === total;
    await this.#take(request, { start, end, isLast });
    return isLast ? this.#finish(hash) : { kept: this.#writer.size };
  }

  /** @param {number | undefined} total @param {unknown} hash @returns {Promise<SessionAnswer> | SessionAnswer} */
  #status(total, hash) {
    return total === this.#writer.size ? this.#finish(hash) : { kept: this.#writer.size };
  }

  /**
   * Keeps whole units, also of a request that was cut off.
   *
   * @param {import("node:http").IncomingMessage} request
   * @param {{ start: number, end: number, isLast: boolean }} range
   */
  async #take(request, { start, end, isLast }) {
    const size = end - start + 1;
    if (Number(request.headers["content-length"] ?? size) !== size)
      throw invalid("Content-Range is not Content-Length.");
    if (!isLast && size < unit) {
      const rule = "is required to be equal or greater than 262144, except for the final request";
      throw new Refusal(400, "badRequest", `Invalid request. The number of bytes uploaded ${rule}.`);
    }
    const most = Math.floor(Math.min(end + 1, this.#writer.size + this.#keepsAtMost) / unit) * unit;
    const whole = isLast ? Number.POSITIVE_INFINITY : most;
    let skip = this.#writer.size - start;
    /** @type {Buffer[]} */
    let held = [];
    let heldBytes = 0;
    for await (const piece of request) {
      const fresh = piece.subarray(Math.min(skip, piece.length));
      skip -= piece.length - fresh.length;
      held.push(fresh);
      heldBytes += fresh.length;
      const room =
        Math.min(Math.floor((this.#writer.size + heldBytes) / unit) * unit, whole) - this.#writer.size;
      if (room <= 0) continue;
      const bytes = Buffer.concat(held);
      await this.#writer.write(bytes.subarray(0, room));
      held = [bytes.subarray(room)];
      heldBytes = bytes.length - room;
    }
    if (isLast && this.#writer.size + heldBytes === end + 1) await this.#writer.write(Buffer.concat(held));
    else if (isLast) throw invalid("The request ended before its last byte.");
  }

  /** @param {unknown} hash */
  async #finish(hash) {
    const content = await this.#writer.end();
    this.state = "done";
    checkIntegrity(content, this.#metadata, hash);
    this.#object = this.#table.publish(this.#name, content, this.#metadata, this.#query);
    return { object: this.#object };
  }
}

/** @param {string | undefined} raw */
function readRange(raw) {
  const chunk = /^bytes ([0-9]+)-([0-9]+)\/([0-9]+|\*)$/.exec(raw ?? "");
  if (chunk !== null) {
    const [start, end] = [Number(chunk[1]), Number(chunk[2])];
    const total = chunk[3] === "*" ? undefined : Number(chunk[3]);
    if (end < start || (total !== undefined && end >= total))
      throw invalid("Failed to parse Content-Range header.");
    return { start, end, total };
  }
  const status = /^bytes \*\/([0-9]+|\*)$/.exec(raw ?? "");
  if (status === null) throw invalid("Failed to parse Content-Range header.");
  return { start: undefined, end: undefined, total: status[1] === "*" ? undefined : Number(status[1]) };
}
