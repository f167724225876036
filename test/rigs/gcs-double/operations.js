// @ts-check
import { randomBytes } from "node:crypto";
import { concatenate } from "./content.js";
import { sourceHolds } from "./object-table.js";
import { conditionNotMet, invalid, Refusal } from "./refusal.js";
import { resourceOf } from "./resource.js";

/**
 * @typedef {import("./object-table.js").ObjectTable} ObjectTable
 * @typedef {import("./object-table.js").StoredObject} StoredObject
 */

const maxSources = 32;

/**
 * Joins objects (https://cloud.google.com/storage/docs/json_api/v1/objects/compose).
 *
 * @param {ObjectTable} table
 * @param {string} name
 * @param {Record<string, unknown>} body
 * @param {{ query: URLSearchParams, folder: string }} request
 */
export async function compose(table, name, body, { query, folder }) {
  const sources = Array.isArray(body.sourceObjects) ? body.sourceObjects : [];
  if (sources.length === 0)
    throw new Refusal(400, "required", "You must provide at least one source component.");
  if (sources.length > maxSources) {
    throw invalid(
      `The number of source components provided (${sources.length}) exceeds the maximum (${maxSources}).`,
    );
  }
  const destination = /** @type {Record<string, unknown>} */ (body.destination ?? {});
  table.check(name, destination);
  table.checkConditions(name, query);
  const objects = sources.map((source) => sourceOf(table, source));
  const contents = objects.map((object) => object.content.hold());
  const content = await concatenate(folder, contents).finally(() => contents.map((each) => each.release()));
  const componentCount = objects.reduce((sum, object) => sum + (object.componentCount ?? 1), 0);
  const contentType = objects[0]?.description.contentType;
  return table.publish(name, content, { contentType, ...destination }, query, componentCount);
}

/** @param {ObjectTable} table @param {{ name: string, generation?: string, objectPreconditions?: object }} source */
function sourceOf(table, { name, generation, objectPreconditions = {} }) {
  const object = table.get(name, generation);
  table.checkConditions(name, new URLSearchParams(Object.entries(objectPreconditions)));
  return object;
}

/** Copies that are under way: large ones take several requests (https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite). */
export class Rewrites {
  /** @type {Map<string, { source: StoredObject, target: string, written: number }>} */
  #running = new Map();
  #bytesPerCall;

  /** @param {number} bytesPerCall */
  constructor(bytesPerCall) {
    this.#bytesPerCall = bytesPerCall;
  }

  /**
   * @param {ObjectTable} table
   * @param {{ from: string, to: string }} names
   * @param {Record<string, unknown>} body
   * @param {URLSearchParams} query
   */
  step(table, { from, to }, body, query) {
    const copy = this.#resume(table, { from, to }, query);
    table.check(to, body);
    table.checkConditions(to, query);
    const { source } = copy;
    if (!sourceHolds(source, query)) throw conditionNotMet();
    const { size } = source.content;
    copy.written = Math.min(size, copy.written + this.#bytesPerCall);
    const totals = {
      kind: "storage#rewriteResponse",
      totalBytesRewritten: String(copy.written),
      objectSize: String(size),
    };
    if (copy.written < size) return { ...totals, done: false, rewriteToken: this.#remember(copy) };
    const description = Object.keys(body).length === 0 ? source.description : body;
    const object = table.publish(to, source.content, description, query, source.componentCount);
    return { ...totals, done: true, resource: resourceOf(table.bucket, object) };
  }

  /** @param {ObjectTable} table @param {{ from: string, to: string }} names @param {URLSearchParams} query */
  #resume(table, { from, to }, query) {
    const token = query.get("rewriteToken");
    if (token === null)
      return { source: table.get(from, query.get("sourceGeneration")), target: to, written: 0 };
    const copy = this.#running.get(token);
    this.#running.delete(token);
    if (copy?.source.name !== from || copy.target !== to) throw invalid("Invalid rewrite token.");
    return copy;
  }

  /** @param {{ source: StoredObject, target: string, written: number }} copy */
  #remember(copy) {
    const token = randomBytes(48).toString("base64url");
    this.#running.set(token, copy);
    return token;
  }
}
