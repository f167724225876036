import type { Socket } from "node:net";
import { BackendUnavailableError } from "../contract/error.js";
import type { Scan, Verdict } from "./scanner.js";

/** Answers of clamd end with a zero byte when the command began with `z`. */
const end = 0;
const maxAnswerBytes = 4096;
/** With `AlertExceedsMax` clamd tells by such a name that it stopped at one of its limits; that is no verdict. */
const limitPrefix = "Heuristics.Limits.Exceeded";
/** Content must come at 64 KiB in a second, on average, while another scan waits. */
const leastBytesPerMs = 65.536;
/** The part of `timeoutMs` that any content has before its rate counts. */
const graceShare = 1 / 6;
/** The part of `timeoutMs` that content which came fast may pause for: a scan that waits for its place waits longer. */
const creditShare = 1 / 2;

/** One command on one connection to clamd, which closes it after the answer. */
export class ClamdSession implements Scan {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #answer: Promise<string>;
  #failure: Error | undefined;
  /** When the content is late. Time of clamd does not count. */
  #dueAt: number;
  #isClamdAwaited = false;
  #resume: () => void = () => undefined;

  /** @param timeoutMs - milliseconds that clamd may be silent while it is waited for. */
  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#dueAt = performance.now() + timeoutMs * graceShare;
    this.#answer = readAnswer(socket);
    // An answer before the content is whole is an error too; `pass` and `end` tell it.
    this.#answer.catch((error: Error) => {
      this.#failure ??= error;
    });
    socket.on("drain", () => this.#resume()).on("close", () => this.#resume());
  }

  /** Runs when the connection is gone, however that came. */
  onClose(listener: () => void): void {
    if (this.#socket.closed) listener();
    else this.#socket.once("close", listener);
  }

  begin(): void {
    this.#socket.write("zINSTREAM\0");
  }

  async ping(): Promise<void> {
    this.#socket.write("zPING\0");
    const answer = await this.#waitingFor(this.#answer);
    if (answer !== "PONG") throw unavailable("clamav gave an unexpected answer");
  }

  async pass(piece: Uint8Array): Promise<void> {
    if (piece.byteLength === 0) return;
    const earnedMs = piece.byteLength / leastBytesPerMs;
    this.#dueAt = Math.min(this.#dueAt + earnedMs, performance.now() + this.#timeoutMs * creditShare);
    this.#socket.write(lengthOf(piece.byteLength));
    // A piece belongs to its receiver only until it is written: the caller may fill it again.
    if (!this.#socket.write(Buffer.from(piece))) await this.#waitingFor(this.#drained());
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<Verdict> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#socket.write(lengthOf(0));
    const answer = await this.#waitingFor(this.#answer);
    if (answer === "stream: OK") return { isClean: true };
    const [, found] = /^stream: (.+) FOUND$/s.exec(answer) ?? [];
    if (found?.startsWith(limitPrefix))
      throw unavailable(`clamav did not look at all of the content: ${found}`);
    if (found !== undefined) return { isClean: false, found };
    throw unavailable(
      answer.includes("size limit exceeded")
        ? "clamav did not look at all of the content; its StreamMaxLength is smaller than 'maxBytes'"
        : "clamav failed to scan the content",
    );
  }

  cancel(): void {
    this.#socket.destroy();
  }

  /** Milliseconds that the content is late; below 0 when it is in time. */
  get lateMs(): number {
    return this.#isClamdAwaited ? Number.NEGATIVE_INFINITY : performance.now() - this.#dueAt;
  }

  /** Ends the scan of content that is late, for another one that waits. The next call tells its writer. */
  giveWay(): void {
    this.#failure ??= unavailable("the content came too slowly while other scans waited for clamav");
    this.#socket.destroy();
  }

  /** Resolves when more may be written, or never will be: the next call tells which. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      if (this.#socket.closed) resolve();
    });
  }

  /** Silence counts only while clamd is waited for: a slow writer is not its fault, nor is a slow clamd the writer's. */
  async #waitingFor<T>(work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#isClamdAwaited = true;
    this.#socket.setTimeout(this.#timeoutMs);
    try {
      return await work;
    } finally {
      this.#socket.setTimeout(0);
      this.#isClamdAwaited = false;
      this.#dueAt += performance.now() - startedAt;
    }
  }
}

function readAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (cause?: unknown) => {
      reject(unavailable("clamav left before it gave a verdict", cause));
      socket.destroy();
    };
    socket.on("timeout", () => fail(new Error("it was silent for too long")));
    socket.on("error", fail).on("close", () => fail());
    socket.on("data", (piece: Buffer) => {
      const stop = piece.indexOf(end);
      text += piece.toString("utf8", 0, stop < 0 ? piece.byteLength : stop);
      if (stop >= 0) resolve(text);
      if (stop >= 0 || text.length > maxAnswerBytes) fail();
    });
  });
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(bytes);
  return length;
}

function unavailable(message: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError({ message, retryAfterMs: 10_000, cause });
}
