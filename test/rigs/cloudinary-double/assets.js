// @ts-check
import { createHash, createHmac, randomBytes } from "node:crypto";
import { noResource, Refusal } from "./refusal.js";

/**
 * @typedef {{
 *   assetId: string, resourceType: string, type: string, publicId: string, version: number, content: Buffer,
 *   etag: string, format: string | undefined, context: Record<string, string>,
 * }} StoredAsset
 */

/** The assets of one account. A new version is another record: who reads an old one keeps it. */
export class Assets {
  /** @type {Map<string, StoredAsset>} */
  #assets = new Map();
  #secret = randomBytes(16);

  /**
   * @param {string} resourceType
   * @param {string} type
   * @param {string} publicId
   */
  find(resourceType, type, publicId) {
    return this.#assets.get(idOf(resourceType, type, publicId));
  }

  /**
   * @param {string} resourceType
   * @param {string} type
   * @param {string} publicId
   */
  get(resourceType, type, publicId) {
    const asset = this.find(resourceType, type, publicId);
    if (asset === undefined) throw noResource(publicId);
    return asset;
  }

  /** @param {Omit<StoredAsset, "etag" | "assetId">} asset */
  put(asset) {
    const id = idOf(asset.resourceType, asset.type, asset.publicId);
    const assetId = this.#assets.get(id)?.assetId ?? randomBytes(16).toString("hex");
    const stored = { ...asset, assetId, etag: createHash("md5").update(asset.content).digest("hex") };
    this.#assets.set(id, stored);
    return stored;
  }

  /**
   * @param {string} resourceType
   * @param {string} type
   * @param {string} publicId
   */
  remove(resourceType, type, publicId) {
    return this.#assets.delete(idOf(resourceType, type, publicId));
  }

  /** @returns {number} how many there are. */
  get size() {
    return this.#assets.size;
  }

  /**
   * One page: with a prefix in the order of public ids, else the newest first.
   *
   * @param {{ resourceType: string, type: string, prefix: string, maxResults: number, cursor: string | undefined }} listing
   */
  page({ resourceType, type, prefix, maxResults, cursor }) {
    const own = idOf(resourceType, type, "");
    const all = [...this.#assets]
      .filter(([id]) => id.startsWith(own + prefix))
      .map(([, asset]) => asset)
      .sort((a, b) =>
        prefix === ""
          ? b.version - a.version
          : Buffer.compare(Buffer.from(a.publicId), Buffer.from(b.publicId)),
      );
    const after = cursor === undefined ? undefined : this.#readCursor(own + prefix, cursor);
    const rest =
      after === undefined
        ? all
        : all.filter(({ publicId }) => Buffer.compare(Buffer.from(publicId), Buffer.from(after)) > 0);
    const page = rest.slice(0, maxResults);
    const last = rest.length > maxResults ? page.at(-1) : undefined;
    return {
      assets: page,
      cursor: last === undefined ? undefined : this.#writeCursor(own + prefix, last.publicId),
    };
  }

  /**
   * @param {string} listing
   * @param {string} last
   */
  #writeCursor(listing, last) {
    const mark = createHmac("sha256", this.#secret).update(`${listing}\n${last}`).digest("hex");
    return Buffer.from(last).toString("hex") + mark;
  }

  /**
   * @param {string} listing
   * @param {string} cursor
   */
  #readCursor(listing, cursor) {
    const last = Buffer.from(cursor.slice(0, -64), "hex").toString("utf8");
    if (this.#writeCursor(listing, last) === cursor) return last;
    throw new Refusal(400, "Invalid value for parameter next_cursor");
  }
}

/**
 * @param {string} resourceType
 * @param {string} type
 * @param {string} publicId
 */
function idOf(resourceType, type, publicId) {
  return `${resourceType}\n${type}\n${publicId}`;
}
