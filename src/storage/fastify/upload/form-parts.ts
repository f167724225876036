import { Dicer } from "@fastify/busboy";
import { badRequest, HttpError } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";

/** Limits of a form's envelope; what is over them is refused, never cut. */
export const formLimits = {
  parts: 32,
  headerPairs: 32,
  headerBytes: 8 * 1024,
  boundaryLength: 70,
} as const;

/** One part of a form. */
export interface FormPart {
  /** Names in lower case, values byte by byte as ISO 8859-1. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Bytes;
}

type PartStream = Dicer.PartStream;

/** Reads multipart content (RFC 2046 §5.1) part by part, at the pace of whoever takes the parts. */
export class FormParts {
  readonly #dicer: Dicer;
  readonly #parts: FormPart[] = [];
  #current: PartStream | undefined;
  #lacksHeader = false;
  #count = 0;
  #isParsed = false;
  #isRead = false;
  #isStopped = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;
  #resumePump: () => void = () => undefined;

  constructor(source: Bytes, boundary: string) {
    const { headerPairs, headerBytes } = formLimits;
    const config = { boundary, maxHeaderPairs: headerPairs, maxHeaderSize: headerBytes };
    this.#dicer = new Dicer(config);
    this.#dicer.on("part", (part) => this.#begin(part));
    this.#dicer.on("finish", () => this.#end());
    this.#dicer.on("error", () => this.#fail(badRequest("the form ends before its last delimiter")));
    this.#dicer.on("drain", () => this.#resumePump());
    void this.#pump(source);
  }

  /**
   * The next part, or `undefined` when the last one is over and the source has ended; read the body of the one
   * before first.
   */
  async next(): Promise<FormPart | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const part = this.#parts.shift();
      if (part !== undefined) return part;
      if (this.#isParsed && this.#isRead) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Stops reading; the source is let go of. */
  stop(): void {
    this.#isStopped = true;
    this.#current?.destroy();
    this.#resumePump();
  }

  async #pump(source: Bytes): Promise<void> {
    try {
      for await (const piece of source) {
        await this.#write(piece);
        if (this.#isOver()) return;
      }
      if (this.#dicer.writable) this.#dicer.end();
      this.#isRead = true;
      this.#wake();
    } catch (error) {
      this.#fail(error instanceof Error ? error : badRequest("the form could not be read"));
    }
  }

  /** What follows the last delimiter is read and dropped (RFC 2046 §5.1.1). */
  async #write(piece: Uint8Array): Promise<void> {
    if (this.#isOver() || this.#isParsed || !this.#dicer.writable) return;
    if (!this.#dicer.write(piece)) await this.#drained();
  }

  #isOver(): boolean {
    return this.#isStopped || this.#failure !== undefined;
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resumePump = resolve;
      if (this.#isOver() || this.#isParsed || !this.#dicer.writableNeedDrain) resolve();
    });
  }

  #begin(part: PartStream): void {
    if (this.#lacksHeader) this.#fail(badRequest("a part of the form has no complete header"));
    this.#current = part;
    this.#lacksHeader = true;
    part.on("error", () => this.#fail(badRequest("a part of the form ends too early")));
    part.on("header", (header) => this.#add(part, header));
    this.#count += 1;
    if (this.#count > formLimits.parts) {
      this.#fail(badRequest(`the form has more than ${formLimits.parts} parts`));
    }
  }

  #add(part: PartStream, header: object): void {
    this.#lacksHeader = false;
    const headers = new Map<string, readonly string[]>(Object.entries(header));
    if (isCut(headers)) this.#fail(new HttpError(413, "too_large", "the header of a part is too long"));
    this.#parts.push({ headers, body: this.#read(part) });
    this.#wake();
  }

  async *#read(part: PartStream): Bytes {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      yield* part;
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  #end(): void {
    if (this.#lacksHeader) this.#fail(badRequest("a part of the form has no complete header"));
    this.#isParsed = true;
    this.#wake();
    this.#resumePump();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#current?.destroy();
    this.#wake();
    this.#resumePump();
  }
}

/** The parser silently cuts what is over its limits, so what comes near them counts as cut. */
function isCut(headers: FormPart["headers"]): boolean {
  const values = [...headers.values()].flat();
  const bytes = [...headers].reduce((sum, [name, each]) => sum + each.join("").length + name.length + 4, 0);
  return values.length >= formLimits.headerPairs || bytes > formLimits.headerBytes - 64;
}
