// @ts-check
import { once } from "node:events";
import http from "node:http";
import { AdminApi, resourceTypes } from "./cloudinary-double/admin.js";
import { sendError, sendJson } from "./cloudinary-double/answers.js";
import { Assets } from "./cloudinary-double/assets.js";
import { Deliveries } from "./cloudinary-double/delivery.js";
import { Refusal } from "./cloudinary-double/refusal.js";
import { parseForm, readBody } from "./cloudinary-double/requests.js";
import { checkPublicId, parseContext } from "./cloudinary-double/rules.js";
import { checkSignature } from "./cloudinary-double/signature.js";
import { describe, Uploads } from "./cloudinary-double/uploads.js";
import { stayWhenRunDirectly } from "./stay.js";

/** @typedef {import("./cloudinary-double/signature.js").Account} Account */
/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/**
 * @typedef {object} DoubleOptions
 * @property {string} [cloudName]
 * @property {string} [apiKey]
 * @property {string} [apiSecret]
 * @property {"sha1" | "sha256"} [signatureAlgorithm]
 * @property {string} [authTokenKey] - in hex; without it there are no tokens.
 * @property {number} [adminCallsPerHour] - as the plan has them; unlimited by default.
 * @property {Readonly<Record<string, number>>} [maxFileBytes] - by resource type, as the plan has them.
 * @property {boolean} [honoursRanges] - whether downloads answer a part; nothing says that they do.
 * @property {boolean} [redirects] - whether downloads send on to another address.
 * @property {() => number} [now] - milliseconds since the epoch.
 */

/**
 * Stands in for Cloudinary, which cannot be installed: Upload API, Admin API, downloads and delivery, written from the
 * documentation. It checks every signature, time and rule that is documented and refuses what they refuse. It decodes
 * no image: a transformed file is the original, once its transformation and signature have been checked.
 */
export class CloudinaryDouble {
  /** Assets of the account. */
  assets = new Assets();
  /** What came, in its order. @type {{ method: string, target: string }[]} */
  visits = [];
  /** @type {Account} */
  #account;
  #uploads;
  #adminApi;
  #deliveries;
  #server = http.createServer((request, response) => void this.#serve(request, response));

  /** @param {DoubleOptions} options */
  constructor(options) {
    const {
      cloudName = "testcloud",
      apiKey = "123456789012345",
      apiSecret = "api-secret-of-the-double",
    } = options;
    const { signatureAlgorithm = "sha1", authTokenKey, now = Date.now, maxFileBytes = {} } = options;
    this.#account = { cloudName, apiKey, apiSecret, signatureAlgorithm, authTokenKey, now };
    this.#uploads = new Uploads(this.assets, maxFileBytes, now);
    this.#adminApi = new AdminApi(this.assets, this.#account, options.adminCallsPerHour ?? 1_000_000_000);
    this.#deliveries = new Deliveries(this.assets, this.#account, options);
  }

  async start() {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
  }

  /** @returns {string} origin of the API and of the CDN. */
  get endpoint() {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the double does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Uploads in chunks that nobody has ended. */
  get openUploads() {
    return this.#uploads.open;
  }

  /** The options of a backend. */
  get options() {
    const { cloudName, apiKey, apiSecret } = this.#account;
    const { endpoint } = this;
    return { cloudName, apiKey, apiSecret, endpoint, cdnUrl: `${endpoint}/${cloudName}` };
  }

  /** The variables of a client. @returns {Readonly<Record<string, string>>} */
  get env() {
    const { cloudName, apiKey, apiSecret } = this.#account;
    return {
      STORAGE_BACKEND: "cloudinary",
      STORAGE_CLOUDINARY_CLOUD_NAME: cloudName,
      STORAGE_CLOUDINARY_API_KEY: apiKey,
      STORAGE_CLOUDINARY_API_SECRET: apiSecret,
      STORAGE_CLOUDINARY_ENDPOINT: this.endpoint,
      STORAGE_CLOUDINARY_CDN_URL: `${this.endpoint}/${cloudName}`,
    };
  }

  async stop() {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * @param {Request} request
   * @param {Response} response
   */
  async #serve(request, response) {
    const { method = "GET", url = "/" } = request;
    this.visits.push({ method, target: url });
    request.on("error", () => undefined);
    try {
      await this.#answer(request, response, new URL(url, "http://double"));
    } catch (error) {
      sendError(response, error);
    }
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {URL} url
   */
  async #answer(request, response, { pathname, searchParams }) {
    // Where a download that is sent on arrives.
    const isMoved = pathname.startsWith("/moved/");
    const [version, cloud, first = "", ...rest] = (isMoved ? pathname.slice("/moved".length) : pathname)
      .slice(1)
      .split("/")
      .map(decodeURIComponent);
    if (version !== "v1_1") return this.#deliveries.deliver(request, response, pathname, searchParams);
    if (cloud !== this.#account.cloudName) throw new Refusal(401, `Invalid cloud_name ${cloud}`);
    if (first === "resources" || first === "ping") {
      return this.#adminApi.answer(request, response, [first, ...rest], searchParams);
    }
    const [action = "", ...more] = rest;
    if (!resourceTypes.has(first) || more.length > 0) throw new Refusal(404, "Not found");
    if (request.method === "GET" && action === "download") {
      return this.#deliveries.download(request, response, first, searchParams, isMoved);
    }
    if (request.method !== "POST") throw new Refusal(404, "Not found");
    const form = parseForm(request.headers["content-type"] ?? "", await readBody(request));
    checkSignature(form.fields, this.#account);
    return sendJson(response, await this.#change(first, action, form, request.headers));
  }

  /**
   * @param {string} resourceType
   * @param {string} action
   * @param {import("./cloudinary-double/requests.js").Form} form
   * @param {import("node:http").IncomingHttpHeaders} headers
   */
  async #change(resourceType, action, form, headers) {
    if (action === "upload") return this.#uploads.take(resourceType, form, headers);
    const { fields } = form;
    const type = fields.get("type") ?? "upload";
    if (action === "destroy") {
      const isGone = this.assets.remove(resourceType, type, checkPublicId(fields.get("public_id")));
      return { result: isGone ? "ok" : "not found" };
    }
    if (action === "explicit") {
      const asset = this.assets.get(resourceType, type, checkPublicId(fields.get("public_id")));
      const context = fields.has("context") ? parseContext(fields.get("context")) : asset.context;
      return describe(this.assets.put({ ...asset, context }), true);
    }
    if (action === "rename") return this.#rename(resourceType, type, fields);
    throw new Refusal(404, "Not found");
  }

  /**
   * @param {string} resourceType
   * @param {string} type
   * @param {ReadonlyMap<string, string>} fields
   */
  #rename(resourceType, type, fields) {
    const from = fields.get("from_public_id") ?? "";
    const to = checkPublicId(fields.get("to_public_id"));
    const asset = this.assets.get(resourceType, type, from);
    if (fields.get("overwrite") !== "true" && this.assets.find(resourceType, type, to) !== undefined) {
      throw new Refusal(409, `to_public_id(${to}) already exists`);
    }
    this.assets.remove(resourceType, type, from);
    return describe(this.assets.put({ ...asset, publicId: to }), true);
  }
}

/** @param {DoubleOptions} [options] */
export async function startCloudinaryDouble(options = {}) {
  const double = new CloudinaryDouble(options);
  await double.start();
  return double;
}

await stayWhenRunDirectly(import.meta.url, startCloudinaryDouble);
