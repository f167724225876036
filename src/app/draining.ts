import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, RouteOptions } from "fastify";
import { Closing } from "../http/index.js";
import type { AppSettings } from "./settings.js";

/** Share of the time to shut down that requests and jobs may use; the helpers have the rest. */
const workShare = 0.8;

/** Milliseconds that a connection on which nothing came has for its first request when the app closes. */
const silentMs = 1000;

/** Milliseconds that requests in flight and running jobs have when the app closes. */
export function workMs({ shutdownTimeoutMs }: Pick<AppSettings, "shutdownTimeoutMs">): number {
  return shutdownTimeoutMs * workShare;
}

/**
 * The time between the signal to stop and the close: `/readyz` fails, so that the load balancer sends no new requests, while
 * those that come are answered, each as the last one of its connection (RFC 9112 §9.6).
 */
export class Draining {
  readonly #app: FastifyInstance;
  readonly #connections = new Set<Socket>();
  #hasBegun = false;
  #hasCut = false;

  /** @param graceMs - milliseconds that requests in flight have once the app closes; then their connections are cut. */
  constructor(app: FastifyInstance, graceMs: number) {
    this.#app = app;
    const closing = new Closing(graceMs, () => this.#cut());
    app.server.on("connection", (socket) => this.#watchConnection(socket));
    app.addHook("onRoute", (route) => this.#watchReadiness(route));
    app.addHook("preClose", async () => {
      this.begin();
      closing.begin(app.server);
      setTimeout(() => this.#closeSilent(), silentMs).unref();
    });
    app.addHook("onClose", async () => closing.end());
  }

  /** Whether requests in flight were cut, so that the helpers could close. */
  get hasCut(): boolean {
    return this.#hasCut;
  }

  /** From now on the service is not ready. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#app.server.prependListener("request", (_message: IncomingMessage, response: ServerResponse) => {
      response.setHeader("connection", "close");
    });
  }

  #cut(): void {
    this.#closeSilent();
    this.#hasCut = this.#connections.size > 0;
    this.#app.server.closeAllConnections();
  }

  #watchConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
  }

  /** For Node these are not idle, as those of browsers that connect ahead and of checks that only connect. */
  #closeSilent(): void {
    for (const socket of this.#connections) {
      if (socket.bytesRead > 0) continue;
      this.#connections.delete(socket);
      socket.destroy();
    }
  }

  #watchReadiness(route: RouteOptions): void {
    if (route.url !== "/readyz") return;
    route.onRequest = async (_request, reply) => {
      if (!this.#hasBegun) return;
      await reply.code(503).header("cache-control", "no-store").send({ status: "stopping" });
    };
  }
}
