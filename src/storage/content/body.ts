import { isLimit } from "../arguments.js";
import type { Body, Bytes } from "../contract/backend.js";
import { algorithmOf, type Checksum, ChecksumBuilder, checksumOf, isChecksum } from "../contract/checksum.js";
import { ChecksumMismatchError, InvalidArgumentError, TooLargeError } from "../contract/error.js";
import { PeekableSource } from "./peekable-source.js";

/** What content must satisfy before its last piece is let go. */
export interface ContentRules {
  readonly maxBytes: number;
  /** Bytes that were announced; any other number is refused. */
  readonly size: number | undefined;
  readonly checksum: Checksum | undefined;
}

/** Content that is in memory; its rules are checked before anything is written. */
export class BufferedBody implements Body {
  readonly bytes: Uint8Array;
  readonly replayable = true;
  readonly #rules: ContentRules;
  #checksum: Checksum | undefined;

  constructor(bytes: Uint8Array, rules: ContentRules) {
    this.bytes = bytes;
    this.#rules = rules;
  }

  /** Refuses content that breaks a rule. */
  admit(): void {
    checkRules(this.#rules);
    const { maxBytes, checksum } = this.#rules;
    if (this.size > maxBytes) throw tooLarge(maxBytes);
    checkSize(this.size, this.#rules);
    if (checksum !== undefined) checkChecksum(checksumOf(this.bytes, algorithmOf(checksum)), this.#rules);
  }

  get size(): number {
    return this.bytes.byteLength;
  }

  get expected(): Checksum | undefined {
    return this.#rules.checksum;
  }

  /** The first bytes. */
  head(length: number): Promise<Uint8Array> {
    return Promise.resolve(this.bytes.subarray(0, length));
  }

  async *open(): Bytes {
    if (this.bytes.byteLength > 0) yield this.bytes;
  }

  checksum(): Checksum {
    this.#checksum ??= checksumOf(this.bytes);
    return this.#checksum;
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}

/** Content that streams by, once. Its last piece is withheld until every rule has been checked. */
export class StreamBody implements Body {
  readonly bytes = undefined;
  readonly replayable = false;
  readonly #source: PeekableSource;
  readonly #rules: ContentRules;
  readonly #crc = new ChecksumBuilder("crc32");
  #isCrcWanted = true;

  constructor(source: AsyncIterable<unknown>, rules: ContentRules) {
    this.#source = new PeekableSource(source);
    this.#rules = rules;
  }

  /** Refuses content of which it is known before reading that it breaks a rule. */
  admit(): void {
    checkRules(this.#rules);
    const { size, maxBytes } = this.#rules;
    if (size !== undefined && size > maxBytes) throw tooLarge(maxBytes);
  }

  get size(): number | undefined {
    return this.#rules.size;
  }

  get expected(): Checksum | undefined {
    return this.#rules.checksum;
  }

  /** The first bytes, without using them up. */
  head(length: number): Promise<Uint8Array> {
    return this.#source.head(length);
  }

  async *open(): Bytes {
    const guard = new RuleGuard(this.#rules);
    let withheld: Uint8Array | undefined;
    for await (const piece of this.#source) {
      guard.pass(piece);
      if (this.#isCrcWanted) this.#crc.update(piece);
      if (withheld !== undefined) yield withheld;
      withheld = piece;
    }
    guard.end();
    if (withheld !== undefined) yield withheld;
  }

  checksum(): Checksum {
    if (!this.#isCrcWanted) throw new Error("the checksum was forgone");
    return this.#crc.digest();
  }

  forgoChecksum(): void {
    this.#isCrcWanted = false;
  }

  /** Lets go of the source when nobody is going to read it. */
  discard(): Promise<void> {
    return this.#source.discard();
  }
}

/** What content that was given becomes. */
export type ContentBody = BufferedBody | StreamBody;

/** Counts and hashes what passes, and refuses what breaks the rules. */
class RuleGuard {
  readonly #rules: ContentRules;
  readonly #expected: ChecksumBuilder | undefined;
  #size = 0;

  constructor(rules: ContentRules) {
    this.#rules = rules;
    this.#expected = rules.checksum && new ChecksumBuilder(algorithmOf(rules.checksum));
  }

  pass(bytes: Uint8Array): void {
    this.#size += bytes.byteLength;
    if (this.#size > this.#rules.maxBytes) throw tooLarge(this.#rules.maxBytes);
    this.#expected?.update(bytes);
  }

  end(): void {
    checkSize(this.#size, this.#rules);
    if (this.#expected !== undefined) checkChecksum(this.#expected.digest(), this.#rules);
  }
}

function checkRules({ size, maxBytes, checksum }: ContentRules): void {
  if (!isLimit(maxBytes)) throw new InvalidArgumentError({ message: "maxBytes must be a number of bytes" });
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new InvalidArgumentError({ message: "size must be a whole number of bytes" });
  }
  if (checksum !== undefined && !isChecksum(checksum)) {
    throw new InvalidArgumentError({ message: "a checksum is crc32: or sha256: and lower-case hex" });
  }
}

function checkSize(size: number, rules: ContentRules): void {
  if (rules.size === undefined || rules.size === size) return;
  throw new InvalidArgumentError({ message: `content has ${size} bytes, ${rules.size} were announced` });
}

function checkChecksum(actual: Checksum, rules: ContentRules): void {
  if (actual === rules.checksum) return;
  throw new ChecksumMismatchError({ message: `content has ${actual}, expected ${rules.checksum}` });
}

/** The refusal of content over a limit. */
export function tooLarge(maxBytes: number): TooLargeError {
  return new TooLargeError({ message: `content is larger than ${maxBytes} bytes` });
}
