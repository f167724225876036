// @ts-check
import http from "node:http";
import { Accounts } from "./accounts.js";
import { answerBatch } from "./batch.js";
import { readAll, sendJson } from "./http-message.js";
import { listPage } from "./listing.js";
import { sendMedia } from "./media.js";
import { readObject } from "./multipart-related.js";
import { authenticate, authorize, GrantRefusal, grantToken, machineMetadata, signBlob } from "./oauth.js";
import { holds, ObjectTable } from "./object-table.js";
import { compose, Rewrites } from "./operations.js";
import { invalid, noBucket, Refusal } from "./refusal.js";
import { partOf, resourceOf } from "./resource.js";
import { verifySignedUrl } from "./signed-url.js";
import { Uploads } from "./uploads.js";

/**
 * @typedef {http.IncomingMessage} Request
 * @typedef {http.ServerResponse} Response
 * @typedef {object} DoubleOptions
 * @property {string} folder - for large content.
 * @property {number} [clockSkewMs] - by how much the service's clock is ahead.
 * @property {number} [rewriteBytesPerCall]
 * @property {number} [keepsAtMost] - bytes of one chunk of a session; the service may keep less than it got.
 * @property {boolean} [isOpen] - whether nobody needs to say who he is, as with an emulator.
 */

const bucketName = "svc-infra";

/**
 * An HTTP server that keeps the contract of Google Cloud Storage as Google documents it. It is not Google's: what the documents
 * do not say it does not know.
 */
export class GcsDouble {
  #server = http.createServer({ keepAliveTimeout: 3000, requestTimeout: 0 });
  #bucket = new ObjectTable(bucketName);
  #options;
  #now;
  #uploads;
  #rewrites;
  accounts;
  owner;
  stranger;
  /** @type {Record<string, number>} */
  #counts = {};

  /** @param {DoubleOptions} options */
  constructor(options) {
    this.#options = options;
    this.#now = () => Date.now() + (options.clockSkewMs ?? 0);
    this.accounts = new Accounts(this.#now);
    this.owner = this.accounts.add("owner", true);
    this.stranger = this.accounts.add("stranger", false);
    this.#uploads = new Uploads(this.#bucket, options);
    this.#rewrites = new Rewrites(options.rewriteBytesPerCall ?? 1_048_576);
    this.#server.on("request", (request, response) => void this.#serve(request, response));
    this.#server.on("checkContinue", (request, response) => {
      response.writeContinue();
      void this.#serve(request, response);
    });
  }

  /** @returns {Promise<string>} its origin. */
  listen() {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => resolve(this.#origin));
    });
  }

  get bucket() {
    return bucketName;
  }

  get #origin() {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  /** @param {Request} request @param {Response} response */
  async #serve(request, response) {
    try {
      await this.#route(request, response);
    } catch (error) {
      refuse(error, request, response);
    }
  }

  /** @param {Request} request @param {Response} response */
  async #route(request, response) {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://double");
    const method = request.method ?? "GET";
    if (pathname === "/token" && method === "POST") return this.#grant(request, response);
    if (pathname.startsWith("/computeMetadata/v1")) return this.#tellMachine(request, response, pathname);
    if (pathname === "/_double/state") return this.#tellState(response);
    const signer = /^\/v1\/projects\/-\/serviceAccounts\/([^/]+):signBlob$/.exec(pathname)?.[1];
    if (signer !== undefined && method === "POST")
      return this.#signBlob(request, response, decodeURIComponent(signer));
    if (pathname === "/batch/storage/v1" && method === "POST") return this.#batch(request, response);
    if (pathname.startsWith("/upload/storage/v1/b/"))
      return this.#upload(request, response, { pathname, query });
    if (pathname.startsWith("/storage/v1/b/"))
      return this.#callApi(request, response, { method, pathname, query });
    return this.#callXml(request, response);
  }

  /** @param {Request} request @param {Response} response */
  async #grant(request, response) {
    this.#count("token");
    const form = (await readAll(request)).toString();
    const audience = `${this.#origin}/token`;
    sendJson(response, 200, grantToken(this.accounts, form, { audience, now: this.#now() }));
  }

  /** @param {Request} request @param {Response} response @param {string} pathname */
  #tellMachine(request, response, pathname) {
    if (request.headers["metadata-flavor"] !== "Google")
      throw new Refusal(403, "forbidden", "Missing Metadata-Flavor");
    const text = machineMetadata(
      this.accounts,
      this.owner,
      pathname.slice("/computeMetadata/v1".length) || "/instance",
    );
    const type = text.startsWith("{") ? "application/json" : "application/text";
    response.writeHead(200, { "metadata-flavor": "Google", "content-type": type }).end(text);
  }

  /** What tests look at, and no service tells. @param {Response} response */
  #tellState(response) {
    const objects = this.#bucket.sorted().map(({ name }) => name);
    this.#server.getConnections((_, connections) => {
      // The one that asks is not counted.
      sendJson(response, 200, {
        objects,
        connections: connections - 1,
        sessions: this.#uploads.open,
        ...this.#counts,
      });
    });
  }

  /** @param {Request} request @param {Response} response @param {string} signer */
  async #signBlob(request, response, signer) {
    this.#count("signBlob");
    const caller = authenticate(this.accounts, request.headers.authorization);
    const body = (await readAll(request)).toString();
    sendJson(response, 200, signBlob(caller, this.accounts.byEmail(signer), body));
  }

  /** @param {Request} request @param {Response} response */
  async #batch(request, response) {
    this.#count("batch");
    const body = (await readAll(request)).toString();
    const answered = answerBatch(body, request.headers["content-type"] ?? "", ({ method, path }) => {
      const { pathname, searchParams: query } = new URL(path, "http://double");
      try {
        this.#admit(request);
        return { status: 204, body: this.#removeByPath(method, pathname, query) };
      } catch (error) {
        if (error instanceof Refusal) return { status: error.status, body: error.toJson() };
        throw error;
      }
    });
    response.writeHead(200, { "content-type": answered.contentType }).end(answered.body);
  }

  /** @param {string} method @param {string} pathname @param {URLSearchParams} query */
  #removeByPath(method, pathname, query) {
    const { bucket, name, rest } = readPath(pathname);
    if (method !== "DELETE" || name === undefined || rest !== undefined)
      throw invalid("Only deletions are batched here.");
    this.#tableOf(bucket).remove(name, query);
    return undefined;
  }

  /** @param {Request} request @param {Response} response @param {{ pathname: string, query: URLSearchParams }} target */
  async #upload(request, response, { pathname, query }) {
    const id = query.get("upload_id");
    if (id !== null) return this.#uploads.goOn(id, request, response, query);
    this.#admit(request);
    this.#tableOf(readPath(pathname.slice("/upload".length)).bucket);
    this.#count(`upload ${query.get("uploadType")}`);
    return this.#uploads.begin(request, response, query);
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {{ method: string, pathname: string, query: URLSearchParams }} target
   */
  async #callApi(request, response, { method, pathname, query }) {
    this.#admit(request);
    const { bucket, isObjects, name, rest } = readPath(pathname);
    const table = this.#tableOf(bucket);
    if (!isObjects)
      return sendJson(response, 200, { kind: "storage#bucket", id: bucket, name: bucket, location: "EU" });
    if (name === undefined)
      return sendJson(response, 200, partOf(listPage(table, query), query.get("fields")));
    if (rest !== undefined) return this.#operate(request, response, { table, name, rest, query });
    if (method === "DELETE") {
      table.remove(name, query);
      response.writeHead(204).end();
      return;
    }
    if (method === "PATCH") {
      const changes = readObject((await readAll(request)).toString());
      return sendJson(
        response,
        200,
        partOf(resourceOf(bucket, table.patch(name, changes, query)), query.get("fields")),
      );
    }
    if (method !== "GET") throw new Refusal(405, "methodNotAllowed", "Method not allowed");
    return this.#get(request, response, { table, name, query });
  }

  /** @param {Request} request @param {Response} response @param {{ table: ObjectTable, name: string, query: URLSearchParams }} target */
  async #get(request, response, { table, name, query }) {
    const isMedia = query.get("alt") === "media";
    this.#count(isMedia ? "media" : "stat");
    const object = table.get(name, query.get("generation"));
    if (!holds(object, query)) {
      const isNewer = query.has("ifGenerationNotMatch") || query.has("ifMetagenerationNotMatch");
      if (isNewer) return void response.writeHead(304).end();
      table.checkConditions(name, query);
    }
    if (isMedia) return sendMedia(object, request, response);
    return sendJson(response, 200, partOf(resourceOf(table.bucket, object), query.get("fields")));
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {{ table: ObjectTable, name: string, rest: string, query: URLSearchParams }} target
   */
  async #operate(request, response, { table, name, rest, query }) {
    if (request.method !== "POST") throw new Refusal(405, "methodNotAllowed", "Method not allowed");
    const body = readObject((await readAll(request)).toString());
    if (rest === "compose") {
      this.#count("compose");
      const object = await compose(table, name, body, { query, folder: this.#options.folder });
      return sendJson(response, 200, partOf(resourceOf(table.bucket, object), query.get("fields")));
    }
    const to = readPath(`/storage/v1/${rest.replace(/^rewriteTo\//, "")}`);
    if (!rest.startsWith("rewriteTo/") || to.name === undefined)
      throw new Refusal(404, "notFound", "Not Found");
    this.#count("rewrite");
    this.#tableOf(to.bucket);
    const answer = this.#rewrites.step(table, { from: name, to: to.name }, body, query);
    return sendJson(response, 200, partOf(answer, query.get("fields")));
  }

  /** Only what is signed. @param {Request} request @param {Response} response */
  async #callXml(request, response) {
    const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
    const { method = "GET", headers } = request;
    if (this.#options.isOpen !== true || query !== "") {
      if (!query.includes("X-Goog-Signature=")) throw new Refusal(403, "AccessDenied", "Access denied.");
      authorize(
        verifySignedUrl(
          { method, path, query, headers },
          (email) => this.accounts.byEmail(email),
          this.#now(),
        ),
      );
    }
    const [bucket = "", ...segments] = path.slice(1).split("/").map(decodeURIComponent);
    const table = this.#tableOf(bucket);
    const name = segments.join("/");
    if (method === "PUT") return this.#uploads.putXml(request, response, name);
    if (method !== "GET" && method !== "HEAD")
      throw new Refusal(405, "MethodNotAllowed", "Method not allowed");
    /** @type {Record<string, string>} */
    const more = {};
    for (const [parameter, value] of new URLSearchParams(query)) {
      const header = /^response-(content-disposition|cache-control)$/.exec(parameter)?.[1];
      if (header !== undefined) more[header] = value;
    }
    return sendMedia(table.get(name), request, response, more);
  }

  /** @param {Request} request */
  #admit(request) {
    if (this.#options.isOpen === true && request.headers.authorization === undefined) return;
    authorize(authenticate(this.accounts, request.headers.authorization));
  }

  /** @param {string} bucket */
  #tableOf(bucket) {
    if (bucket !== bucketName) throw noBucket();
    return this.#bucket;
  }

  /** @param {string} what */
  #count(what) {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

/** @param {string} pathname */
function readPath(pathname) {
  const [, bucket = "", objects, name, rest] =
    /^\/storage\/v1\/b\/([^/]+)(\/o)?(?:\/([^/]+))?(?:\/(.+))?$/.exec(pathname) ?? [];
  const decoded = name === undefined ? undefined : decodeURIComponent(name);
  return { bucket: decodeURIComponent(bucket), isObjects: objects !== undefined, name: decoded, rest };
}

/** @param {unknown} error @param {Request} request @param {Response} response */
function refuse(error, request, response) {
  // A client that left hears nothing.
  if (response.headersSent || request.errored) return void response.destroy();
  if (error instanceof GrantRefusal) return sendJson(response, 400, error.toJson());
  if (!(error instanceof Refusal)) {
    console.error(error);
    return sendJson(response, 500, { error: { code: 500, message: "Internal error" } });
  }
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://double");
  const isApi = /^\/(?:upload\/|batch\/)?(?:storage\/)?v1\b|^\/storage\/v1|^\/computeMetadata/.test(pathname);
  const isText = searchParams.get("alt") === "media";
  const type = isApi ? (isText ? "text/html" : "application/json") : "application/xml";
  const body = isApi ? (isText ? error.message : JSON.stringify(error.toJson())) : error.toXml();
  response.writeHead(error.status, { ...error.headers, "content-type": `${type}; charset=UTF-8` }).end(body);
  request.resume();
}
