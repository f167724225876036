import type { Dispatcher } from "undici";
import { Cancellation } from "../../../contract/cancellation.js";
import { BodyStream, maxWaitingBytes } from "./body-stream.js";
import type { RequestBody } from "./payload.js";

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What the service answered, all of it. */
export interface S3Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** What the service answers, with a body that may still be arriving. */
export interface OpenResponse extends Omit<S3Response, "body"> {
  readonly body: Buffer | BodyStream;
}

export interface ExchangeOptions {
  readonly body: RequestBody;
  readonly signal: AbortSignal | undefined;
  /** Called whenever something of the answer comes: AWS sends white space while it copies or joins, for minutes. */
  readonly onProgress: (() => void) | undefined;
  /** Whether a large body may be handed over while it arrives. */
  readonly streams: boolean;
  /** Whether the request changes what other callers see: its answer is waited for once it has been sent. */
  readonly commits: boolean;
  /** Milliseconds that a reader may let the service wait. */
  readonly idleMs: number;
}

/** Longest answer that is taken into memory: a page of a thousand of the longest keys is far shorter. */
const maxCollectedBytes = 16_777_216;

/** One request and its answer. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #resolve: (response: OpenResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #cancellation: Cancellation;
  #controller: Dispatcher.DispatchController | undefined;
  #isOver = false;
  #status = 0;
  #headers: S3Response["headers"] = {};
  #mayStream = false;
  #stream: BodyStream | undefined;
  readonly #collected: Buffer[] = [];
  #collectedBytes = 0;

  private constructor(
    options: ExchangeOptions,
    resolve: (response: OpenResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#cancellation = new Cancellation(options.signal, (reason) => this.#stop(reason));
  }

  /** Sends the request; resolves to its answer whatever the status. */
  static run(
    dispatcher: Dispatcher,
    request: Dispatcher.DispatchOptions,
    options: ExchangeOptions,
  ): Promise<OpenResponse> {
    return new Promise((resolve, reject) => {
      dispatcher.dispatch(request, new Exchange(options, resolve, reject));
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error("the request is not wanted any more"));
    const { commits, body } = this.#options;
    if (!commits) return;
    if (body.isEmpty || body.whole !== undefined) this.#cancellation.sent();
    else body.onSent = () => this.#cancellation.sent();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    this.#options.onProgress?.();
    if (status < 200) return;
    this.#status = status;
    this.#headers = flat(headers);
    this.#mayStream = this.#options.streams && status < 300;
    if (Number(headers["content-length"] ?? 0) > maxWaitingBytes && this.#mayStream)
      this.#startStream(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#options.onProgress?.();
    if (this.#stream !== undefined) {
      this.#stream.push(piece);
      return;
    }
    this.#collectedBytes += piece.byteLength;
    if (this.#collectedBytes > maxCollectedBytes) controller.abort(new Error("the answer is too long"));
    else this.#collected.push(piece);
    // The service did not say how long the body is.
    if (this.#mayStream && this.#collectedBytes > maxWaitingBytes) this.#startStream(controller);
  }

  onResponseEnd(): void {
    this.#finish();
    if (this.#stream !== undefined) {
      this.#stream.end();
      return;
    }
    const [first] = this.#collected;
    const isOne = first !== undefined && this.#collected.length === 1;
    const body = isOne ? first : Buffer.concat(this.#collected);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish();
    this.#stream?.fail(error);
    this.#reject(error);
  }

  #startStream(controller: Dispatcher.DispatchController): void {
    this.#stream = new BodyStream(controller, this.#options.idleMs);
    for (const piece of this.#collected.splice(0)) this.#stream.push(piece);
    this.#resolve({ status: this.#status, headers: this.#headers, body: this.#stream });
  }

  #stop(reason: unknown): void {
    this.#finish();
    this.#controller?.abort(reason instanceof Error ? reason : new Error("the call was aborted"));
    this.#stream?.fail(reason);
    this.#reject(reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.#cancellation.end();
  }
}

function flat(headers: RawHeaders): S3Response["headers"] {
  const flattened: Record<string, string | undefined> = {};
  for (const name in headers) {
    const value = headers[name];
    flattened[name] = typeof value === "object" ? value.join(", ") : value;
  }
  return flattened;
}
