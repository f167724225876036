import { ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { returnPiece } from "../../contract/piece-pool.js";

/**
 * Pieces of content as a Node stream. Piped to a response on a socket, each piece goes there in one write, and its memory
 * is given back when the socket has done with it: the buffer of a Readable in between would cost more than the write.
 * Any other reader keeps the pieces.
 */
export class PieceStream extends Readable {
  #first: IteratorResult<Uint8Array> | undefined;
  readonly #rest: AsyncGenerator<Uint8Array>;
  #isRead = false;
  #isWriting = false;

  constructor(first: IteratorResult<Uint8Array>, rest: AsyncGenerator<Uint8Array>) {
    super();
    this.#first = first;
    this.#rest = rest;
  }

  override _read(): void {
    if (this.#isWriting) return;
    this.#isRead = true;
    this.#next().then(
      ({ done, value }) => this.push(done === true ? null : value),
      (error) => this.destroy(error),
    );
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    const isListenedTo = this.#isRead || this.readableFlowing !== null;
    if (isListenedTo || options?.end === false || !isOnSocket(destination))
      return super.pipe(destination, options);
    this.#isWriting = true;
    this.#writeTo(destination).catch((error) => this.destroy(error));
    return destination;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const done = () => callback(error);
    this.#rest.return(undefined).then(done, done);
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#rest.next();
  }

  async #writeTo(destination: NodeJS.WritableStream): Promise<void> {
    for (let step = await this.#next(); !this.destroyed; step = await this.#next()) {
      if (step.done === true) return this.#end(destination);
      const { value } = step;
      const isReady = destination.write(value, (error) => {
        if (!error) returnPiece(value);
      });
      if (!isReady) await this.#untilDrained(destination);
    }
  }

  /** Reading the end makes `end` come, which is how the other users of a stream learn of it. */
  #end(destination: NodeJS.WritableStream): void {
    destination.end();
    this.push(null);
    this.resume();
  }

  #untilDrained(destination: NodeJS.WritableStream): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        destination.off("drain", done);
        this.off("close", done);
        resolve();
      };
      destination.on("drain", done);
      this.on("close", done);
    });
  }
}

/**
 * Whether a write calls back only when its bytes have been sent. Other streams call back while they still hold the bytes: a
 * transform, a response whose `write` a middleware or a subclass replaced, a connection that is not a socket.
 */
function isOnSocket(destination: NodeJS.WritableStream): boolean {
  return (
    destination instanceof ServerResponse &&
    destination.write === ServerResponse.prototype.write &&
    destination.req.socket instanceof Socket
  );
}
