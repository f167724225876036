import type { Server, ServerResponse } from "node:http";
import { whenClosed } from "./client-signal.js";

type Connections = Partial<Pick<Server, "closeIdleConnections" | "once">>;

/**
 * Lets a closing server end soon: connections that become idle are closed at once and not after their
 * keep-alive time, and transfers that outlast the grace period are cut off.
 */
export class Closing {
  readonly #graceMs: number;
  readonly #cut: () => void;
  readonly #moving = new Set<ServerResponse>();
  #timers: NodeJS.Timeout[] = [];

  /**
   * @param graceMs - milliseconds that transfers have left when the server closes.
   * @param cut - ends what outlasts them. Default: the transfers that were counted.
   */
  constructor(graceMs: number, cut?: () => void) {
    this.#graceMs = graceMs;
    this.#cut = cut ?? (() => this.#destroyCounted());
  }

  /** Counts a transfer until its response closes. */
  track(response: ServerResponse): void {
    this.#moving.add(response);
    whenClosed(response, () => this.#moving.delete(response));
  }

  /** The server takes no more connections from now on. */
  begin(server: Connections): void {
    const closeIdle = () => server.closeIdleConnections?.();
    closeIdle();
    this.#timers = [setInterval(closeIdle, 25).unref(), setTimeout(this.#cut, this.#graceMs).unref()];
    server.once?.("close", () => this.end());
  }

  /** The server is closed. */
  end(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }

  #destroyCounted(): void {
    for (const response of this.#moving) response.destroy();
  }
}
