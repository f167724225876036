import { badRequest, HttpError } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";

/** Limits of a form's envelope; what is over them is refused, never cut. */
export const formLimits = {
  parts: 32,
  headerPairs: 32,
  headerBytes: 8 * 1024,
  boundaryLength: 70,
  /** Before the first delimiter, behind the last one, and as blanks behind any. */
  bytesAround: 256 * 1024,
} as const;

/** One part of a form. */
export interface FormPart {
  /** Names in lower case, values byte by byte as ISO 8859-1. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Bytes;
}

const lineEnd = Buffer.from("\r\n");
const headerEnd = Buffer.from("\r\n\r\n");

/** Reads multipart content (RFC 2046 §5.1) part by part, at the pace of the reader. */
export class FormParts {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  readonly #maxParts: number;
  /** What has come and is not read; it begins with the line end that a first delimiter may lack. */
  #waiting: Buffer = lineEnd;
  #count = 0;
  #bytesAround = 0;
  #isInBody = false;
  #isOver = false;

  constructor(source: Bytes, boundary: string, maxParts: number = formLimits.parts) {
    this.#maxParts = maxParts;
    this.#pieces = source[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /**
   * The next part, or `undefined` when the last one is over and the source has ended. What is left of the part
   * before is skipped.
   *
   * @throws HttpError for a form that is not sound.
   */
  async next(): Promise<FormPart | undefined> {
    if (this.#isOver) return undefined;
    if (this.#count === 0) await this.#skipPreamble();
    while (this.#isInBody) await this.#takeBody();
    if (await this.#isLastDelimiter()) {
      await this.#skipEpilogue();
      return undefined;
    }
    this.#count += 1;
    if (this.#count > this.#maxParts) throw badRequest(`the form has more than ${this.#maxParts} parts`);
    return { headers: await this.#readHeaders(), body: this.#body() };
  }

  /** Stops reading and releases the source. */
  stop(): void {
    this.#isOver = true;
    void this.#pieces.return?.();
  }

  async #skipPreamble(): Promise<void> {
    this.#isInBody = true;
    while (this.#isInBody) this.#countAround((await this.#takeBody()).byteLength);
  }

  async #skipEpilogue(): Promise<void> {
    this.#isOver = true;
    this.#countAround(this.#waiting.byteLength);
    for (let next = await this.#pieces.next(); next.done !== true; next = await this.#pieces.next()) {
      this.#countAround(next.value.byteLength);
    }
  }

  #countAround(bytes: number): void {
    this.#bytesAround += bytes;
    if (this.#bytesAround <= formLimits.bytesAround) return;
    throw new HttpError(
      413,
      "too_large",
      `more than ${formLimits.bytesAround} bytes around the form's parts`,
    );
  }

  /** Reads the end of a delimiter up to, not through, its line end. Blanks may stand before that. */
  async #isLastDelimiter(): Promise<boolean> {
    while (this.#waiting.byteLength < 2) await this.#more();
    if (this.#waiting.subarray(0, 2).toString("latin1") === "--") {
      this.#waiting = this.#waiting.subarray(2);
      return true;
    }
    for (;;) {
      const blanks = this.#waiting.findIndex((byte) => byte !== 0x20 && byte !== 0x09);
      const length = blanks < 0 ? this.#waiting.byteLength : blanks;
      this.#countAround(length);
      this.#waiting = this.#waiting.subarray(length);
      if (this.#waiting.byteLength >= 2) break;
      await this.#more();
    }
    if (this.#waiting.indexOf(lineEnd) === 0) return false;
    throw badRequest("a delimiter of the form has text behind it");
  }

  /** From the line end of a delimiter through the empty line; that may be the start of the next delimiter. */
  async #readHeaders(): Promise<FormPart["headers"]> {
    let end = this.#waiting.indexOf(headerEnd);
    while (end < 0) {
      if (this.#waiting.byteLength > formLimits.headerBytes) throw headerTooLong();
      await this.#more();
      end = this.#waiting.indexOf(headerEnd);
    }
    if (end > formLimits.headerBytes) throw headerTooLong();
    const lines = this.#waiting.subarray(lineEnd.byteLength, Math.max(end, lineEnd.byteLength));
    this.#waiting = this.#waiting.subarray(end + lineEnd.byteLength);
    this.#isInBody = true;
    await this.#skipEmptyLine();
    return parseHeaders(lines.toString("latin1"));
  }

  /** A part without a body has no empty line of its own (RFC 2046 §5.1.1): it belongs to the delimiter. */
  async #skipEmptyLine(): Promise<void> {
    const { byteLength } = this.#delimiter;
    while (this.#waiting.byteLength < byteLength && this.#delimiter.indexOf(this.#waiting) === 0) {
      await this.#more();
    }
    if (this.#waiting.indexOf(this.#delimiter) !== 0) {
      this.#waiting = this.#waiting.subarray(lineEnd.byteLength);
    }
  }

  async *#body(): Bytes {
    const own = this.#count;
    while (this.#isInBody && own === this.#count) {
      const piece = await this.#takeBody();
      if (piece.byteLength > 0) yield piece;
    }
  }

  /** What is sure to be of this body; the delimiter behind it is taken along. */
  async #takeBody(): Promise<Buffer> {
    for (;;) {
      const at = this.#waiting.indexOf(this.#delimiter);
      if (at >= 0) {
        this.#isInBody = false;
        return this.#take(at, at + this.#delimiter.byteLength);
      }
      const sure = this.#sureBytes();
      if (sure > 0) return this.#take(sure, sure);
      await this.#more();
    }
  }

  #take(length: number, end: number): Buffer {
    const piece = this.#waiting.subarray(0, length);
    this.#waiting = this.#waiting.subarray(end);
    return piece;
  }

  /** The bytes before one with which a delimiter might begin that has not come as a whole. */
  #sureBytes(): number {
    const { byteLength } = this.#waiting;
    const from = Math.max(0, byteLength - this.#delimiter.byteLength + 1);
    const start = this.#waiting.indexOf(0x0d, from);
    return start < 0 ? byteLength : start;
  }

  async #more(): Promise<void> {
    const next = await this.#pieces.next();
    if (next.done === true) throw badRequest("the form ends before its last delimiter");
    const { buffer, byteOffset, byteLength } = next.value;
    const piece = Buffer.from(buffer, byteOffset, byteLength);
    this.#waiting = this.#waiting.byteLength === 0 ? piece : Buffer.concat([this.#waiting, piece]);
  }
}

function headerTooLong(): HttpError {
  return new HttpError(413, "too_large", "the header of a part is too long");
}

/** Header lines (RFC 5322 §2.2); one that begins with a blank continues the line before. */
function parseHeaders(lines: string): FormPart["headers"] {
  const headers = new Map<string, readonly string[]>();
  const unfolded = lines.replace(/\r\n[ \t]+/g, " ").split("\r\n");
  if (unfolded.length > formLimits.headerPairs) throw headerTooLong();
  for (const line of unfolded.filter((each) => each !== "")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!/^[!#$%&'*+.^_`|~a-z0-9-]+$/.test(name)) throw badRequest("a header of a part is not well-formed");
    const value = line.slice(colon + 1).trim();
    headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  return headers;
}
