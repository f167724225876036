// @ts-check
import { once } from "node:events";
import http from "node:http";
import { pipeline } from "node:stream/promises";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";

/**
 * Stands in front of Azurite and adds the one verb that it lacks: Put Block From URL, as its documentation says. Everything
 * else goes through unchanged.
 */
export class BlocksFromUrl {
  /** @type {http.Server} */
  #server = http.createServer((request, response) => void this.#serve(request, response));
  #rig;
  /** Source ranges of the blocks that were asked for. @type {string[]} */
  ranges = [];
  /** Called before a block is fetched. @type {() => Promise<void>} */
  beforeBlock = async () => undefined;

  /** @param {import("./azurite.js").AzuriteRig} rig */
  constructor(rig) {
    this.#rig = rig;
  }

  /** Begins to listen; the account's endpoint. */
  async start() {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    const address = this.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return `http://127.0.0.1:${port}/${this.#rig.account}`;
  }

  async stop() {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async #serve(request, response) {
    try {
      const isBlock = new URL(request.url ?? "", "http://x").searchParams.get("comp") === "block";
      const source = request.headers["x-ms-copy-source"];
      if (isBlock && typeof source === "string") await this.#putBlock(request, response, source);
      else await this.#pass(request, response);
    } catch {
      request.socket.resetAndDestroy();
    }
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   * @param {string} source
   */
  async #putBlock(request, response, source) {
    const { account } = this.#rig;
    const range = String(request.headers["x-ms-source-range"]);
    const isAuthorized = request.headers.authorization?.startsWith(`SharedKey ${account}:`);
    if (!isAuthorized) return refuse(response, 403, "AuthenticationFailed");
    if (request.headers["content-length"] !== "0") return refuse(response, 400, "InvalidHeaderValue");
    this.ranges.push(range);
    await this.beforeBlock();
    const fetched = await fetch(source, { headers: { range } });
    if (fetched.status !== 206) return refuse(response, fetched.status, "CannotVerifyCopySource");
    const url = new URL(request.url ?? "", "http://x");
    const [, , container = "", ...name] = url.pathname.split("/");
    const id = url.searchParams.get("blockid") ?? "";
    const bytes = Buffer.from(await fetched.arrayBuffer());
    const blob = this.#service()
      .getContainerClient(container)
      .getBlockBlobClient(decodeURIComponent(name.join("/")));
    await blob.stageBlock(id, bytes, bytes.length);
    response.writeHead(201, { "x-ms-request-server-encrypted": "true", "content-length": 0 }).end();
  }

  #service() {
    const { account, accountKey, endpoint } = this.#rig;
    return new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey));
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async #pass(request, response) {
    const { hostname, port } = new URL(this.#rig.endpoint);
    const { method, url: path, rawHeaders: headers } = request;
    const upstream = http.request({ hostname, port, method, path, headers, agent: false });
    const [[incoming]] = await Promise.all([once(upstream, "response"), pipeline(request, upstream)]);
    response.writeHead(incoming.statusCode ?? 502, incoming.rawHeaders);
    await pipeline(incoming, response);
  }
}

/**
 * @param {http.ServerResponse} response
 * @param {number} status
 * @param {string} code
 */
function refuse(response, status, code) {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  response.writeHead(status, { "x-ms-error-code": code, "content-type": "application/xml" }).end(body);
}
