// @ts-check
import { createHash, randomBytes } from "node:crypto";
import { Refusal } from "./refusal.js";
import { checkPublicId, formatOf, parseContext } from "./rules.js";

/** Every chunk but the last one has at least so many bytes. */
const minChunkBytes = 5 * 1024 * 1024;
const known = new Set(
  "api_key,context,file,invalidate,overwrite,public_id,signature,timestamp,type".split(","),
);

/** @typedef {import("./requests.js").Form} Form */
/** @typedef {import("./assets.js").StoredAsset} StoredAsset */
/** @typedef {{ parameters: string, pieces: Buffer[], size: number }} Begun */

/** Uploads, at once and in chunks, into the assets of an account. */
export class Uploads {
  /** @type {Map<string, Begun>} */
  #begun = new Map();
  #assets;
  #maxFileBytes;
  #now;

  /**
   * @param {import("./assets.js").Assets} assets
   * @param {Readonly<Record<string, number>>} maxFileBytes - by resource type.
   * @param {() => number} now
   */
  constructor(assets, maxFileBytes, now) {
    this.#assets = assets;
    this.#maxFileBytes = maxFileBytes;
    this.#now = now;
  }

  /** @returns {number} uploads in chunks that nobody has ended. */
  get open() {
    return this.#begun.size;
  }

  /**
   * @param {string} resourceType
   * @param {Form} form - its signature has been checked.
   * @param {import("node:http").IncomingHttpHeaders} headers
   */
  async take(resourceType, { fields, file }, headers) {
    const unknown = [...fields.keys()].find((name) => !known.has(name));
    if (unknown !== undefined) throw new Refusal(400, `The double does not know the parameter ${unknown}`);
    checkPublicId(fields.get("public_id"));
    const type = fields.get("type") ?? "upload";
    if (!["upload", "private", "authenticated"].includes(type))
      throw new Refusal(400, `Invalid type ${type}`);
    const context = parseContext(fields.get("context"));
    const content = file ?? (await fetched(fields.get("file")));
    const whole = headers["content-range"] === undefined ? content : this.#addChunk(fields, content, headers);
    if (whole === undefined)
      return { done: false, bytes: content.length, public_id: fields.get("public_id") };
    return this.#store({ resourceType, type, context, fields, content: whole });
  }

  /** @param {{ resourceType: string, type: string, context: Record<string, string>, fields: Form["fields"], content: Buffer }} upload */
  #store({ resourceType, type, context, fields, content }) {
    const publicId = fields.get("public_id") ?? "";
    const existing = this.#assets.find(resourceType, type, publicId);
    if (existing !== undefined && ["0", "false"].includes(fields.get("overwrite") ?? "true")) {
      return { ...describe(existing, true), existing: true };
    }
    const format = formatOf(resourceType, content);
    const max = this.#maxFileBytes[resourceType] ?? Number.POSITIVE_INFINITY;
    if (content.length > max) {
      throw new Refusal(
        400,
        `File size too large. Got ${content.length}. Maximum is ${max}. Upgrade your plan to enjoy higher limits`,
      );
    }
    const version = Math.floor(this.#now() / 1000);
    return describe(
      this.#assets.put({ resourceType, type, publicId, version, content, format, context }),
      true,
    );
  }

  /**
   * @param {Form["fields"]} fields
   * @param {Buffer} content
   * @param {import("node:http").IncomingHttpHeaders} headers
   * @returns {Buffer | undefined} the whole, when this was the last chunk.
   */
  #addChunk(fields, content, headers) {
    const id = headers["x-unique-upload-id"];
    const [, start, end, total] =
      /^bytes ([0-9]+)-([0-9]+)\/(-1|[0-9]+)$/.exec(String(headers["content-range"])) ?? [];
    if (typeof id !== "string" || total === undefined) throw new Refusal(400, "Invalid chunk headers");
    const parameters = [...fields]
      .filter(([name]) => name !== "timestamp" && name !== "signature")
      .sort()
      .join("\n");
    const begun = this.#begun.get(id) ?? { parameters, pieces: [], size: 0 };
    const isLast = Number(end) + 1 === Number(total);
    const isSound =
      Number(start) === begun.size &&
      Number(end) - Number(start) + 1 === content.length &&
      (isLast || content.length >= minChunkBytes) &&
      begun.parameters === parameters;
    if (!isSound) throw new Refusal(400, `Invalid chunk bytes ${start}-${end}/${total}`);
    begun.pieces.push(content);
    begun.size += content.length;
    this.#begun.set(id, begun);
    if (!isLast) return undefined;
    this.#begun.delete(id);
    return Buffer.concat(begun.pieces);
  }
}

/** @param {string | undefined} url */
async function fetched(url) {
  if (url === undefined || !/^https?:/.test(url)) throw new Refusal(400, "Missing required parameter - file");
  const response = await fetch(url);
  if (!response.ok)
    throw new Refusal(400, `Error in loading ${url} - ${response.status} ${response.statusText}`);
  return Buffer.from(await response.arrayBuffer());
}

/**
 * An asset as answers describe it, in names and forms of the documentation.
 *
 * @param {StoredAsset} asset
 * @param {boolean} withContext
 */
export function describe(asset, withContext) {
  const { assetId, publicId, version, resourceType, type, content, etag, format, context } = asset;
  const hasContext = withContext && Object.keys(context).length > 0;
  return {
    asset_id: assetId,
    public_id: publicId,
    ...(format === undefined ? {} : { format }),
    version,
    version_id: createHash("md5").update(`${assetId}${version}`).digest("hex"),
    signature: randomBytes(20).toString("hex"),
    resource_type: resourceType,
    type,
    created_at: new Date(version * 1000).toISOString().replace(/\.000Z$/, "Z"),
    bytes: content.length,
    etag,
    placeholder: false,
    tags: [],
    ...(hasContext ? { context: { custom: context } } : {}),
  };
}
