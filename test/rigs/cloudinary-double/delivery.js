// @ts-check
import { attachment, sendContent } from "./answers.js";
import { noResource, Refusal } from "./refusal.js";
import { checkTransformation } from "./rules.js";
import { checkDelivery, checkSignature } from "./signature.js";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

/** The two ways to content: signed downloads, and the CDN. */
export class Deliveries {
  #assets;
  #account;
  #honoursRanges;
  #redirects;

  /**
   * @param {import("./assets.js").Assets} assets
   * @param {import("./signature.js").Account} account
   * @param {{ honoursRanges?: boolean, redirects?: boolean }} options
   */
  constructor(assets, account, { honoursRanges = false, redirects = false }) {
    this.#assets = assets;
    this.#account = account;
    this.#honoursRanges = honoursRanges;
    this.#redirects = redirects;
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {string} resourceType
   * @param {URLSearchParams} query
   * @param {boolean} isMoved - whether it has been sent on.
   */
  download(request, response, resourceType, query, isMoved) {
    const fields = new Map(query);
    if (fields.size !== [...query].length) throw new Refusal(400, "A parameter is there twice");
    const expires = fields.get("expires_at");
    checkSignature(fields, this.#account, { ends: expires === undefined ? undefined : Number(expires) });
    const publicId = fields.get("public_id") ?? "";
    const asset = this.#assets.get(resourceType, fields.get("type") ?? "upload", publicId);
    const transformation = fields.get("transformation");
    if (transformation !== undefined) checkTransformation(transformation);
    if (transformation !== undefined && resourceType === "raw")
      throw new Refusal(400, "Raw files are not transformed");
    if (this.#redirects && !isMoved) return this.#sendOn(request, response);
    const name = fields.get("target_filename") ?? publicId.split("/").at(-1) ?? "";
    const honoursRanges = this.#honoursRanges;
    const headers = fields.get("attachment") === "true" ? { "content-disposition": attachment(name) } : {};
    return sendContent(request, response, asset, {
      headers,
      honoursRanges,
      format: formatIn(transformation),
    });
  }

  /**
   * @param {Request} request
   * @param {Response} response
   */
  #sendOn(request, response) {
    const target = `/moved${request.url}`;
    response.writeHead(302, { location: target });
    response.end();
  }

  /**
   * The CDN: `/{cloud}/{resource_type}/{type}/[s--…--/][transformation/][v1/]{public_id}[.{format}]`.
   *
   * @param {Request} request
   * @param {Response} response
   * @param {string} pathname
   * @param {URLSearchParams} query
   */
  deliver(request, response, pathname, query) {
    const { cloudName } = this.#account;
    const pattern =
      /^\/([^/]+)\/(image|video|raw)\/authenticated\/(?:s--([\w-]+)--\/)?((?:[a-z]{1,2}_[^/]*\/)*)(?:v[0-9]+\/)?(.+)$/;
    const [, cloud, resourceType = "", signature, components = "", rest = ""] = pattern.exec(pathname) ?? [];
    if (cloud !== cloudName) throw new Refusal(404, "", { "x-cld-error": "Unknown customer" });
    const token = query.get("__cld_token__") ?? undefined;
    checkDelivery({ signature, signed: components + rest, path: pathname, token }, this.#account);
    const transformation = components.replace(/\/$/, "");
    if (transformation !== "") checkTransformation(transformation);
    const asset = this.#assetOf(resourceType, decodeURIComponent(rest));
    return sendContent(request, response, asset, {
      headers: {},
      honoursRanges: true,
      format: formatIn(transformation),
    });
  }

  /**
   * Images and videos are asked for with their format behind their public id; without one the original's holds.
   *
   * @param {string} resourceType
   * @param {string} name
   */
  #assetOf(resourceType, name) {
    const asset = this.#assets.find(resourceType, "authenticated", name);
    if (asset !== undefined && resourceType === "raw") return asset;
    const known = this.#assets.find(resourceType, "authenticated", name.replace(/\.[a-z0-9]+$/, ""));
    if (known === undefined) throw noResource(name);
    return known;
  }
}

/** @param {string | undefined} transformation */
function formatIn(transformation) {
  const format = /(?:^|[,/])f_([a-z0-9]+)/.exec(transformation ?? "")?.[1];
  return format === "auto" ? undefined : format;
}
