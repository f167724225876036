// @ts-check
import { sendJson } from "./answers.js";
import { HtmlRefusal, Refusal } from "./refusal.js";
import { readBody } from "./requests.js";
import { isAdmin } from "./signature.js";
import { describe } from "./uploads.js";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

export const resourceTypes = new Set(["image", "video", "raw"]);

/** The Admin API: with the key and its secret as they are, and so many calls an hour. */
export class AdminApi {
  #assets;
  #account;
  #limit;
  #calls = 0;

  /**
   * @param {import("./assets.js").Assets} assets
   * @param {import("./signature.js").Account} account
   * @param {number} limit - calls in an hour.
   */
  constructor(assets, account, limit) {
    this.#assets = assets;
    this.#account = account;
    this.#limit = limit;
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {readonly (string | undefined)[]} path
   * @param {URLSearchParams} query
   */
  async answer(request, response, path, query) {
    if (!isAdmin(request.headers.authorization, this.#account))
      throw new HtmlRefusal(401, "Authorization Required");
    const headers = this.#countAdminCall();
    const body = await readBody(request);
    const [, resourceType = "", type = "", publicId] = path;
    if (path[0] === "ping") return sendJson(response, { status: "ok" }, headers);
    if (!resourceTypes.has(resourceType) || type === "" || path.length > 4)
      throw new Refusal(404, "Not found");
    if (request.method === "DELETE") {
      const ids = new URLSearchParams(body.toString("utf8")).getAll("public_ids[]");
      if (ids.length < 1 || ids.length > 100) throw new Refusal(400, "public_ids must be 1 to 100");
      const results = ids.map((id) => [
        id,
        this.#assets.remove(resourceType, type, id) ? "deleted" : "not_found",
      ]);
      return sendJson(response, { deleted: Object.fromEntries(results), partial: false }, headers);
    }
    if (request.method !== "GET") throw new Refusal(404, "Not found");
    if (publicId === undefined) return sendJson(response, this.#list(resourceType, type, query), headers);
    return sendJson(response, describe(this.#assets.get(resourceType, type, publicId), true), headers);
  }

  #countAdminCall() {
    const limit = this.#limit;
    const hour = 3_600_000;
    const reset = new Date((Math.floor(this.#account.now() / hour) + 1) * hour).toUTCString();
    this.#calls += 1;
    const headers = {
      "x-featureratelimit-limit": String(limit),
      "x-featureratelimit-remaining": String(Math.max(limit - this.#calls, 0)),
      "x-featureratelimit-reset": reset,
    };
    if (this.#calls <= limit) return headers;
    throw new Refusal(
      420,
      `Rate Limit Exceeded. Limit of ${limit} api operations reached. Try again on ${reset}`,
      headers,
    );
  }

  /**
   * @param {string} resourceType
   * @param {string} type
   * @param {URLSearchParams} query
   */
  #list(resourceType, type, query) {
    const maxResults = Number(query.get("max_results") ?? 10);
    if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > 500) {
      throw new Refusal(400, "Invalid value for parameter max_results");
    }
    const [prefix, cursor] = [query.get("prefix") ?? "", query.get("next_cursor") ?? undefined];
    const page = this.#assets.page({ resourceType, type, prefix, maxResults, cursor });
    const withContext = query.get("context") === "true";
    const resources = page.assets.map((asset) => {
      const { etag, signature, version_id, ...listed } = describe(asset, withContext);
      return listed;
    });
    return { resources, ...(page.cursor === undefined ? {} : { next_cursor: page.cursor }) };
  }
}
