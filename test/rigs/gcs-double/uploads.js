// @ts-check
import { ContentWriter } from "./content.js";
import { readAll, sendJson } from "./http-message.js";
import { checkIntegrity } from "./integrity.js";
import { readObject, readRelated } from "./multipart-related.js";
import { invalid, Refusal } from "./refusal.js";
import { partOf, resourceOf } from "./resource.js";
import { Session } from "./session.js";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

/** The ways in (https://cloud.google.com/storage/docs/uploads-downloads). */
export class Uploads {
  #table;
  #folder;
  #keepsAtMost;
  /** @type {Map<string, { session: Session, query: URLSearchParams }>} */
  #sessions = new Map();

  /**
   * @param {import("./object-table.js").ObjectTable} table
   * @param {{ folder: string, keepsAtMost?: number | undefined }} options
   */
  constructor(table, { folder, keepsAtMost = Number.POSITIVE_INFINITY }) {
    this.#keepsAtMost = keepsAtMost;
    this.#table = table;
    this.#folder = folder;
  }

  /** Sessions that are neither done nor cancelled. */
  get open() {
    return [...this.#sessions.values()].filter(({ session }) => session.state === "open").length;
  }

  /** @param {Request} request @param {Response} response @param {URLSearchParams} query */
  async begin(request, response, query) {
    const type = query.get("uploadType");
    if (type === "media") return this.#sendMedia(request, response, query);
    if (type === "multipart") return this.#sendRelated(request, response, query);
    if (type === "resumable") return this.#openSession(request, response, query);
    throw invalid(`Invalid upload type: ${type}`);
  }

  /** @param {string} id @param {Request} request @param {Response} response @param {URLSearchParams} asked */
  async goOn(id, request, response, asked) {
    const found = this.#sessions.get(id);
    if (found === undefined) throw new Refusal(404, "notFound", "Not Found");
    const { session, query } = found;
    if (request.method === "DELETE") {
      session.cancel();
      response.writeHead(499, { "content-length": 0 }).end();
      return;
    }
    if (request.method !== "PUT") throw new Refusal(405, "methodNotAllowed", "Method not allowed");
    const answer = await session.put(request.headers["content-range"], request);
    if ("object" in answer) {
      const resource = resourceOf(this.#table.bucket, answer.object);
      sendJson(response, 200, partOf(resource, asked.get("fields") ?? query.get("fields")));
      return;
    }
    const range = answer.kept === 0 ? {} : { range: `bytes=0-${answer.kept - 1}` };
    response.writeHead(308, { "content-length": 0, "x-guploader-uploadid": id, ...range }).end();
  }

  /** A PUT of the XML API, by a signed URL. @param {Request} request @param {Response} response @param {string} name */
  async putXml(request, response, name) {
    const { headers } = request;
    const disposition = headers["content-disposition"];
    const description = {
      contentType: headers["content-type"],
      ...(disposition !== undefined && { contentDisposition: disposition }),
    };
    this.#table.check(name, description);
    const content = await this.#take(request);
    const [, least, most] =
      /^([0-9]+),([0-9]+)$/.exec(String(headers["x-goog-content-length-range"] ?? "")) ?? [];
    if (most !== undefined && (content.size < Number(least) || content.size > Number(most))) {
      throw new Refusal(
        400,
        content.size > Number(most) ? "EntityTooLarge" : "EntityTooSmall",
        "The size is not allowed.",
      );
    }
    checkIntegrity(content, {}, headers["x-goog-hash"]);
    const condition = headers["x-goog-if-generation-match"];
    const query = new URLSearchParams(
      condition === undefined ? {} : { ifGenerationMatch: String(condition) },
    );
    const { generation } = this.#table.publish(name, content, description, query);
    response.writeHead(200, { "x-goog-generation": String(generation), "content-length": 0 }).end();
  }

  /** @param {Request} request @param {Response} response @param {URLSearchParams} query */
  async #sendMedia(request, response, query) {
    const description = { contentType: request.headers["content-type"] };
    const name = this.#table.check(query.get("name"), description);
    const content = await this.#take(request);
    checkIntegrity(content, {}, request.headers["x-goog-hash"]);
    this.#answer(response, this.#table.publish(name, content, description, query), query);
  }

  /** @param {Request} request @param {Response} response @param {URLSearchParams} query */
  async #sendRelated(request, response, query) {
    const {
      metadata,
      contentType,
      content: bytes,
    } = readRelated(await readAll(request), request.headers["content-type"] ?? "");
    const description = { ...(contentType !== undefined && { contentType }), ...metadata };
    const name = this.#table.check(nameOf(metadata, query), description);
    const writer = new ContentWriter(this.#folder);
    await writer.write(bytes);
    const content = await writer.end();
    checkIntegrity(content, metadata);
    this.#answer(response, this.#table.publish(name, content, description, query), query);
  }

  /** @param {Request} request @param {Response} response @param {URLSearchParams} query */
  async #openSession(request, response, query) {
    const given = readObject((await readAll(request)).toString());
    const type = request.headers["x-upload-content-type"];
    const metadata = { ...(type !== undefined && { contentType: type }), ...given };
    const name = this.#table.check(nameOf(metadata, query), metadata);
    this.#table.checkConditions(name, query);
    const session = new Session(this.#table, {
      name,
      metadata,
      query,
      folder: this.#folder,
      keepsAtMost: this.#keepsAtMost,
    });
    this.#sessions.set(session.id, { session, query });
    const own = new URLSearchParams({ uploadType: "resumable", name, upload_id: session.id });
    const location = `http://${request.headers.host}/upload/storage/v1/b/${this.#table.bucket}/o?${own}`;
    response.writeHead(200, { location, "x-guploader-uploadid": session.id, "content-length": 0 }).end();
  }

  /** @param {Request} request */
  async #take(request) {
    const writer = new ContentWriter(this.#folder);
    for await (const piece of request) await writer.write(piece);
    return writer.end();
  }

  /** @param {Response} response @param {import("./object-table.js").StoredObject} object @param {URLSearchParams} query */
  #answer(response, object, query) {
    sendJson(response, 200, partOf(resourceOf(this.#table.bucket, object), query.get("fields")));
  }
}

/** @param {Record<string, unknown>} metadata @param {URLSearchParams} query */
function nameOf(metadata, query) {
  const [inBody, inQuery] = [metadata.name, query.get("name")];
  if (typeof inBody === "string" && inQuery !== null && inBody !== inQuery) {
    throw invalid("Value 'name' in the body and in the query differ.");
  }
  return typeof inBody === "string" ? inBody : inQuery;
}
