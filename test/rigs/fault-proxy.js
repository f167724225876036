// @ts-check
import { once } from "node:events";
import http from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Cut, corruptAt, cutAfter, placeIn, throttled } from "./fault-body.js";
import { FaultPlan } from "./fault-plan.js";

/** @typedef {import("./fault-plan.js").Fault} Fault */
/** @typedef {{ method: string, target: string, fault: Fault | undefined, isOver: boolean }} Visit */

/**
 * Stands between an HTTP client and a server and does what its plan says. Requests and answers go through unchanged otherwise,
 * the Host header too, so that signatures hold.
 */
export class FaultProxy {
  /** @type {http.Server} */
  #server;
  /** @type {URL} */
  #target;
  /** @type {Set<import("node:net").Socket>} */
  #sockets = new Set();
  /** What the next requests get. */
  plan;
  /**
   * The requests that came, in the order in which they came.
   *
   * @type {Visit[]}
   */
  visits = [];

  /**
   * @param {string} target - origin of the server.
   * @param {number} seed
   */
  constructor(target, seed) {
    this.#target = new URL(target);
    this.plan = new FaultPlan(seed);
    this.#server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("request", (request, response) => void this.#serve(request, response));
  }

  /** Begins to listen. */
  async start() {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
  }

  /** @returns {string} origin of the proxy. */
  get endpoint() {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Connections of clients, used or idle. */
  get connections() {
    return this.#sockets.size;
  }

  /** Requests that have not got their whole answer yet. */
  get busy() {
    return this.visits.filter(({ isOver }) => !isOver).map(({ method, target }) => `${method} ${target}`);
  }

  /** How often each fault was made. */
  get counts() {
    /** @type {Partial<Record<Fault["kind"], number>>} */
    const counts = {};
    for (const { fault } of this.visits) if (fault) counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
    return counts;
  }

  /** Ends every connection. */
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
    const fault = this.plan.take(request);
    /** @type {Visit} */
    const visit = { method: request.method ?? "", target: request.url ?? "", fault, isOver: false };
    this.visits.push(visit);
    response.once("close", () => {
      visit.isOver = true;
    });
    const { socket } = request;
    try {
      if (fault?.kind === "answer") answer(request, response, fault);
      else if (fault?.kind === "hang") request.resume();
      else await this.#pass(request, response, fault);
    } catch {
      // Whatever went wrong on the way to the server, or is to look so, is a reset for the client.
      socket.resetAndDestroy();
    } finally {
      // A response that waits behind another for its connection is not told of the end.
      if (socket.destroyed) visit.isOver = true;
    }
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   * @param {Fault | undefined} fault
   */
  async #pass(request, response, fault) {
    if (fault?.kind === "refuse") throw new Cut();
    if (fault?.kind === "delay") await sleep(fault.ms);
    const { hostname, port } = this.#target;
    const { method, url: path } = request;
    const headers = request.rawHeaders;
    // A connection for each: the server may close an idle one at the wrong moment, a fault that nobody asked for.
    const upstream = http.request({ hostname, port, method, path, headers, agent: false });
    upstream.on("error", () => undefined);
    response.once("close", () => {
      if (!response.writableFinished || !upstream.writableFinished) upstream.destroy();
    });
    const answered = once(upstream, "response");
    const sent = pipeline(bodyUp(request, fault), upstream);
    // What the server did not want to read must not keep the client from being heard.
    sent.catch(() => setImmediate(() => request.resume()));
    // A server may answer, and close, before it has read everything.
    await Promise.race([answered, sent.then(() => answered)]);
    const [incoming] = await answered;
    await passAnswer(incoming, response, fault);
  }
}

/**
 * Starts a proxy in front of a server.
 *
 * @param {string} target - origin of the server, as http://127.0.0.1:9000.
 * @param {{ seed?: number }} [options]
 */
export async function startFaultProxy(target, { seed = 1 } = {}) {
  const proxy = new FaultProxy(target, seed);
  await proxy.start();
  return proxy;
}

/**
 * @param {http.IncomingMessage} request
 * @param {Fault | undefined} fault
 */
function bodyUp(request, fault) {
  // The end of the way up is not to end the connection.
  const body = request.iterator({ destroyOnReturn: false });
  if (fault?.kind === "cutUp") return cutAfter(body, placeIn(fault, request.headers["content-length"]));
  return fault?.kind === "throttle" ? throttled(body, fault.bytesPerSecond) : body;
}

/**
 * @param {http.IncomingMessage} incoming
 * @param {Fault | undefined} fault
 */
function bodyDown(incoming, fault) {
  const length = incoming.headers["content-length"];
  if (fault?.kind === "cutDown") return cutAfter(incoming, placeIn(fault, length));
  if (fault?.kind === "corrupt") return corruptAt(incoming, placeIn(fault, length));
  return fault?.kind === "throttle" ? throttled(incoming, fault.bytesPerSecond) : incoming;
}

/**
 * @param {http.IncomingMessage} incoming
 * @param {http.ServerResponse} response
 * @param {Fault | undefined} fault
 */
async function passAnswer(incoming, response, fault) {
  if (fault?.kind === "loseAnswer") {
    for await (const _ of incoming);
    throw new Cut();
  }
  // Behind an answer without a body there is nothing to cut: the client would have all of it.
  if (fault?.kind === "cutDown" && isBodyless(incoming, response.req.method)) throw new Cut();
  response.sendDate = false;
  response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage ?? "", incoming.rawHeaders);
  // Unlike flushHeaders, this sends the bytes of the headers as they came.
  response.write(Buffer.alloc(0));
  for await (const piece of bodyDown(incoming, fault)) {
    if (!response.write(piece)) await drained(response);
    if (response.req.socket.destroyed) return;
  }
  response.end();
}

/**
 * @param {http.IncomingMessage} incoming
 * @param {string | undefined} method
 */
function isBodyless({ headers, statusCode }, method) {
  return headers["content-length"] === "0" || statusCode === 204 || statusCode === 304 || method === "HEAD";
}

/** @param {http.ServerResponse} response */
async function drained(response) {
  const listening = new AbortController();
  const { signal } = listening;
  const closed = once(response.req.socket, "close", { signal });
  await Promise.race([once(response, "drain", { signal }), closed]).finally(() => listening.abort());
}

/**
 * @param {http.IncomingMessage} request
 * @param {http.ServerResponse} response
 * @param {Extract<Fault, { kind: "answer" }>} fault
 */
function answer(request, response, { status, headers = {}, body = "" }) {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? "" : body);
  request.resume();
}
