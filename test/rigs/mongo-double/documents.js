// @ts-check
import { BSON } from "mongodb";
import { Refusal } from "./refusal.js";

/** @typedef {import("./wire.js").Doc} Doc */

export const maxDocumentBytes = 16 * 1024 * 1024;
const defaultBatchSize = 101;

/** Collections by their namespace, and the cursors that wait for their next batch. */
export class Documents {
  /** By the BSON of their ids. @type {Map<string, Map<string, Doc>>} */
  #collections = new Map();
  /** @type {Map<string, { namespace: string, rest: Doc[] }>} */
  #cursors = new Map();
  #lastCursor = 0n;

  /**
   * @param {string} namespace
   * @param {Doc} command
   * @returns {Doc}
   */
  insert(namespace, { documents, ordered = true }) {
    if (!Array.isArray(documents)) throw missing("insert.documents");
    if (documents.length === 0)
      throw new Refusal(16, "InvalidLength", "Write batch sizes must be between 1 and 100000");
    const held = this.#collections.get(namespace) ?? new Map();
    this.#collections.set(namespace, held);
    const writeErrors = [];
    for (const [index, document] of documents.entries()) {
      const error = whyNotInserted(held, namespace, document);
      if (error === undefined) held.set(bsonOf(document._id), document);
      else writeErrors.push({ index, ...error });
      if (error !== undefined && ordered) break;
    }
    const n = documents.length - writeErrors.length;
    if (writeErrors.length === 0) return { ok: 1, n };
    return { ok: 1, n: ordered ? writeErrors[0]?.index : n, writeErrors };
  }

  /**
   * Understands equality, `$gt` and `$lt`, and refuses every other operator.
   *
   * @param {string} namespace
   * @param {Doc} command
   * @returns {Doc}
   */
  find(namespace, { filter = {}, limit = 0, batchSize = defaultBatchSize, sort, skip, singleBatch = false }) {
    if (sort !== undefined || skip !== undefined) throw unknownToThisDouble("sort and skip");
    const held = [...(this.#collections.get(namespace)?.values() ?? [])];
    const found = held.filter((each) => matches(each, Object(filter)));
    const all = Number(limit) === 0 ? found : found.slice(0, Math.abs(Number(limit)));
    const firstBatch = all.slice(0, Number(batchSize));
    const rest = singleBatch === true ? [] : all.slice(firstBatch.length);
    return { ok: 1, cursor: { firstBatch, id: this.#keep(namespace, rest), ns: namespace } };
  }

  /** @param {Doc} command */
  getMore({ getMore, batchSize = Number.POSITIVE_INFINITY }) {
    const cursor = this.#cursors.get(String(getMore));
    if (cursor === undefined) throw new Refusal(43, "CursorNotFound", `cursor id ${getMore} not found`);
    this.#cursors.delete(String(getMore));
    const nextBatch = cursor.rest.splice(0, Number(batchSize));
    return {
      ok: 1,
      cursor: { nextBatch, id: this.#keep(cursor.namespace, cursor.rest), ns: cursor.namespace },
    };
  }

  /** @param {Doc} command */
  killCursors({ cursors }) {
    if (!Array.isArray(cursors)) throw missing("killCursors.cursors");
    const cursorsKilled = cursors.filter((id) => this.#cursors.delete(String(id)));
    return { ok: 1, cursorsKilled, cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [] };
  }

  /** Cursors that a client has left open. */
  get openCursors() {
    return this.#cursors.size;
  }

  /**
   * @param {string} namespace
   * @param {Doc[]} rest
   */
  #keep(namespace, rest) {
    if (rest.length === 0) return BSON.Long.ZERO;
    const id = BSON.Long.fromBigInt(++this.#lastCursor);
    this.#cursors.set(id.toString(), { namespace, rest });
    return id;
  }
}

/**
 * @param {Map<string, Doc>} held
 * @param {string} namespace
 * @param {Doc} document
 */
function whyNotInserted(held, namespace, document) {
  if (BSON.calculateObjectSize(document) > maxDocumentBytes) {
    return { code: 10334, errmsg: "object to insert too large" };
  }
  if (!held.has(bsonOf(document._id))) return undefined;
  const errmsg = `E11000 duplicate key error collection: ${namespace} index: _id_ dup key: { _id: ${document._id} }`;
  return { code: 11000, errmsg, keyPattern: { _id: 1 }, keyValue: { _id: document._id } };
}

/**
 * @param {Doc} document
 * @param {Doc} filter
 */
function matches(document, filter) {
  return Object.entries(filter).every(([name, wanted]) => {
    if (name.startsWith("$")) throw new Refusal(2, "BadValue", `unknown top level operator: ${name}`);
    return meets(document[name], wanted);
  });
}

/**
 * @param {unknown} value
 * @param {unknown} wanted
 */
function meets(value, wanted) {
  const isPlain = Object.getPrototypeOf(wanted ?? 0) === Object.prototype;
  const operators = isPlain ? Object.entries(Object(wanted)).filter(([name]) => name.startsWith("$")) : [];
  if (operators.length === 0) return bsonOf(value) === bsonOf(wanted);
  return operators.every(([name, limit]) => {
    if (name === "$gt") return Number(value) > Number(limit);
    if (name === "$lt") return Number(value) < Number(limit);
    throw new Refusal(2, "BadValue", `unknown operator: ${name}`);
  });
}

/** @param {unknown} value */
function bsonOf(value) {
  return Buffer.from(BSON.serialize({ value })).toString("latin1");
}

/** @param {string} field */
function missing(field) {
  return new Refusal(40414, "IDLFailedToParse", `BSON field '${field}' is missing but a required field`);
}

/** @param {string} what */
function unknownToThisDouble(what) {
  return new Refusal(238, "NotImplemented", `this double knows no ${what}`);
}
