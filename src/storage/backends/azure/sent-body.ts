import { Readable } from "node:stream";

/**
 * A request's body that tells when all of it has left the process: a service may answer before it has read everything,
 * and until then the request still needs the memory that the pieces lie in.
 */
export class SentBody extends Readable {
  #isSent = false;
  readonly #pieces: Iterator<Uint8Array>;

  constructor(pieces: Iterable<Uint8Array>) {
    super();
    this.#pieces = pieces[Symbol.iterator]();
  }

  get isSent(): boolean {
    return this.#isSent;
  }

  override _read(): void {
    const { done, value } = this.#pieces.next();
    this.push(done ? null : value);
  }

  /**
   * A request "finishes" when its last bytes have been handed to the system. The SDK pipes a body right into its request
   * as long as it is not asked to report progress.
   */
  override pipe<T extends NodeJS.WritableStream>(request: T, options?: { readonly end?: boolean }): T {
    request.once("finish", () => {
      this.#isSent = true;
    });
    return super.pipe(request, options);
  }
}
