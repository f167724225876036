import { Socket } from "node:net";

/** Notes each address that this process dials, over TLS too, and cuts each of these connections. */
export class WatchedDials {
  readonly addresses: string[] = [];
  readonly #connect: unknown = Reflect.get(Socket.prototype, "connect");

  start(): this {
    const [{ addresses }, connect] = [this, this.#connect as CallableFunction];
    function watched(this: Socket, ...given: readonly unknown[]): unknown {
      this.once("connectionAttempt", (address: string) => {
        addresses.push(address);
        setImmediate(() => this.destroy());
      });
      return Reflect.apply(connect, this, given);
    }
    Reflect.set(Socket.prototype, "connect", watched);
    return this;
  }

  stop(): void {
    Reflect.set(Socket.prototype, "connect", this.#connect);
  }
}
