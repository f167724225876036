import { isLimit } from "../arguments.js";
import type { Body, Bytes } from "../contract/backend.js";
import { type Checksum, ChecksumBuilder, checksumOf, isChecksum } from "../contract/checksum.js";
import { InvalidArgumentError } from "../contract/error.js";
import { type Check, Checks, type ContentClaim, headBytes } from "./check.js";
import { type Digest, DigestCheck, isDigest } from "./digest-check.js";
import { PeekableSource } from "./peekable-source.js";
import { SizeCheck, type SizeRules } from "./size-check.js";

/** What content must satisfy before its last piece is handed on. */
export interface ContentRules extends SizeRules {
  readonly checksum: Checksum | undefined;
  /** Further digests that it must have. */
  readonly digests?: readonly Digest[] | undefined;
}

/** Content that is in memory; all of it is checked before anything is written. */
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
    for (const check of checksOf(this.#rules)) {
      check.pass(this.bytes);
      check.end();
    }
  }

  get size(): number {
    return this.bytes.byteLength;
  }

  get expected(): Checksum | undefined {
    return this.#rules.checksum;
  }

  /** The first bytes. */
  head(length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#head(length));
  }

  /** Another view costs more than all that most checks do. */
  #head(length: number): Uint8Array {
    return this.bytes.byteLength <= length ? this.bytes : this.bytes.subarray(0, length);
  }

  /** Puts all of the content through further checks, and waits only where one does. @returns the content type to store. */
  begin(checks: readonly Check[], claim: ContentClaim): Promise<string | undefined> | string | undefined {
    const run = new Checks(checks);
    if (run.lookOnlyAhead) return run.begin(this.#head(headBytes), claim);
    return this.#passThrough(run, claim);
  }

  async #passThrough(run: Checks, claim: ContentClaim): Promise<string | undefined> {
    try {
      const contentType = await run.begin(this.#head(headBytes), claim);
      if (this.size > 0) await run.pass(this.bytes);
      await run.end();
      return contentType;
    } finally {
      run.cancel();
    }
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

/** Content that streams by, once. Its last piece is withheld until every check has passed. */
export class StreamBody implements Body {
  readonly bytes = undefined;
  readonly replayable = false;
  readonly #source: PeekableSource;
  readonly #rules: ContentRules;
  readonly #crc = new ChecksumBuilder("crc32");
  #isCrcWanted = true;
  #further: Checks | undefined;

  constructor(source: AsyncIterable<unknown>, rules: ContentRules) {
    this.#source = new PeekableSource(source);
    this.#rules = rules;
  }

  /** Refuses content of which it is known before reading that it breaks a rule. */
  admit(): void {
    checkRules(this.#rules);
    new SizeCheck(this.#rules).begin();
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

  /** Puts the content, as it streams by, through further checks. @returns the content type to store. */
  async begin(checks: readonly Check[], claim: ContentClaim): Promise<string | undefined> {
    this.#further = new Checks(checks);
    return this.#further.begin(await this.head(headBytes), claim);
  }

  async *open(): Bytes {
    const own = checksOf(this.#rules);
    const further = this.#further;
    let withheld: Uint8Array | undefined;
    try {
      for await (const piece of this.#source) {
        for (const check of own) check.pass(piece);
        if (further !== undefined) await further.pass(piece);
        if (this.#isCrcWanted) this.#crc.update(piece);
        if (withheld !== undefined) yield withheld;
        withheld = piece;
      }
      for (const check of own) check.end();
      await further?.end();
      if (withheld !== undefined) yield withheld;
    } finally {
      further?.cancel();
    }
  }

  checksum(): Checksum {
    if (!this.#isCrcWanted) throw new Error("checksum() was called after forgoChecksum()");
    return this.#crc.digest();
  }

  forgoChecksum(): void {
    this.#isCrcWanted = false;
  }

  /** Releases a source that will not be read. */
  discard(): Promise<void> {
    this.#further?.cancel();
    return this.#source.discard();
  }
}

/** The body made of a caller's content. */
export type ContentBody = BufferedBody | StreamBody;

/** Checks that answer at once, as those of every content do. */
type PromptCheck = SizeCheck | DigestCheck;

function checksOf(rules: ContentRules): readonly PromptCheck[] {
  const { checksum, digests = [] } = rules;
  const expected = checksum === undefined ? digests : [checksum, ...digests];
  return [new SizeCheck(rules), ...expected.map((digest) => new DigestCheck(digest))];
}

function checkRules({ size, maxBytes, checksum, digests = [] }: ContentRules): void {
  if (!isLimit(maxBytes)) throw new InvalidArgumentError({ message: "maxBytes must be a number of bytes" });
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new InvalidArgumentError({ message: "size must be a whole number of bytes" });
  }
  if (checksum !== undefined && !isChecksum(checksum)) {
    throw new InvalidArgumentError({
      message: "a checksum must be crc32: or sha256: followed by lower-case hex",
    });
  }
  if (!Array.isArray(digests) || !digests.every(isDigest)) {
    throw new InvalidArgumentError({
      message: "digests is an array of crc32:, sha256:, sha512: or md5: and lower-case hex",
    });
  }
}
