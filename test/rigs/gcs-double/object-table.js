// @ts-check
import { conditionNotMet, invalid, noObject, Refusal } from "./refusal.js";

/**
 * @typedef {import("./content.js").Content} Content
 * @typedef {Record<string, unknown>} Description - the members of an object resource that a client may set.
 * @typedef {object} StoredObject
 * @property {string} name
 * @property {Content} content
 * @property {Description} description
 * @property {bigint} generation
 * @property {number} metageneration
 * @property {string} timeCreated
 * @property {string} updated
 * @property {number | undefined} componentCount - of a composite object, which has no MD5.
 */

const settable = [
  "contentType",
  "contentDisposition",
  "contentEncoding",
  "contentLanguage",
  "cacheControl",
  "metadata",
];
const maxMetadataBytes = 8192;

/** The objects of one bucket. Each change is one synchronous step, which is what makes conditions atomic. */
export class ObjectTable {
  bucket;
  /** @type {Map<string, StoredObject>} */
  #objects = new Map();
  #generation = BigInt(Date.now()) * 1000n;

  /** @param {string} bucket */
  constructor(bucket) {
    this.bucket = bucket;
  }

  /**
   * @param {string} name
   * @param {string | null} [generation]
   */
  get(name, generation) {
    const object = this.#objects.get(name);
    if (object === undefined) throw noObject(this.bucket, name);
    if (generation != null && BigInt(generation) !== object.generation) throw noObject(this.bucket, name);
    return object;
  }

  /** @returns {StoredObject[]} in the order of the bytes of their names. */
  sorted() {
    const objects = [...this.#objects.values()];
    return objects.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  /**
   * Refuses a name or a description that the service does not take.
   *
   * @param {string | undefined | null} name
   * @param {Description} description
   */
  check(name, description) {
    if (!name) throw new Refusal(400, "required", "Required parameter: name");
    if (Buffer.byteLength(name) > 1024) throw invalid("The maximum object length is 1024 characters");
    if (
      /[\r\n]/.test(name) ||
      name === "." ||
      name === ".." ||
      name.startsWith(".well-known/acme-challenge/")
    ) {
      throw invalid(`Disallowed object name: ${JSON.stringify(name)}`);
    }
    const pairs = Object.entries(description.metadata ?? {});
    if (pairs.some(([, value]) => typeof value !== "string")) throw invalid("Invalid value for: metadata");
    const bytes = pairs.reduce(
      (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
      0,
    );
    if (bytes > maxMetadataBytes) throw invalid("The metadata is larger than 8 KiB");
    return name;
  }

  /**
   * @param {string} name
   * @param {URLSearchParams} query
   */
  checkConditions(name, query) {
    const object = this.#objects.get(name);
    if (!holds(object, query)) throw conditionNotMet();
  }

  /**
   * @param {string} name
   * @param {Content} content
   * @param {Description} description
   * @param {URLSearchParams} query
   * @param {number} [componentCount]
   */
  publish(name, content, description, query, componentCount) {
    this.checkConditions(name, query);
    const now = new Date().toISOString();
    const known = Object.fromEntries(
      Object.entries(description).filter(([member]) => settable.includes(member)),
    );
    const generation = this.#nextGeneration();
    const times = { timeCreated: now, updated: now };
    const object = {
      name,
      content,
      description: known,
      generation,
      metageneration: 1,
      ...times,
      componentCount,
    };
    content.hold();
    this.#objects.get(name)?.content.release();
    this.#objects.set(name, object);
    return object;
  }

  /**
   * @param {string} name
   * @param {Description} changes
   * @param {URLSearchParams} query
   */
  patch(name, changes, query) {
    const object = this.get(name, query.get("generation"));
    this.checkConditions(name, query);
    const merged = { ...object.description, ...changes };
    if (changes.metadata != null)
      merged.metadata = mergedPairs(object.description.metadata, changes.metadata);
    this.check(name, merged);
    object.description = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
    object.metageneration++;
    object.updated = new Date().toISOString();
    return object;
  }

  /**
   * @param {string} name
   * @param {URLSearchParams} query
   */
  remove(name, query) {
    const { content } = this.get(name, query.get("generation"));
    this.checkConditions(name, query);
    this.#objects.delete(name);
    content.release();
  }

  /** Microseconds, as with the service, and never the same twice. */
  #nextGeneration() {
    const now = BigInt(Date.now()) * 1000n;
    this.#generation = now > this.#generation ? now : this.#generation + 1n;
    return this.#generation;
  }
}

/** @param {unknown} old @param {object} changes */
function mergedPairs(old, changes) {
  const pairs = { .../** @type {object} */ (old ?? {}), ...changes };
  return Object.fromEntries(Object.entries(pairs).filter(([, value]) => value !== null));
}

/**
 * Whether the conditions of a request hold (https://cloud.google.com/storage/docs/request-preconditions).
 *
 * @param {StoredObject | undefined} object
 * @param {URLSearchParams} query
 */
export function holds(object, query) {
  const generation = object?.generation ?? 0n;
  const metageneration = BigInt(object?.metageneration ?? 0);
  return (
    isMet(query.get("ifGenerationMatch"), (value) => value === generation) &&
    isMet(query.get("ifGenerationNotMatch"), (value) => value !== generation) &&
    isMet(query.get("ifMetagenerationMatch"), (value) => value === metageneration) &&
    isMet(query.get("ifMetagenerationNotMatch"), (value) => value !== metageneration)
  );
}

/** Whether the condition on the source of a copy holds. @param {StoredObject} source @param {URLSearchParams} query */
export function sourceHolds({ generation }, query) {
  return isMet(query.get("ifSourceGenerationMatch"), (value) => value === generation);
}

/** @param {string | null} raw @param {(value: bigint) => boolean} rule */
function isMet(raw, rule) {
  if (raw === null) return true;
  if (!/^[0-9]{1,19}$/.test(raw)) throw invalid(`Invalid long value: '${raw}'.`);
  return rule(BigInt(raw));
}
