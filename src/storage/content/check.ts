import type { Metadata } from "../contract/metadata.js";

/** What is said of content before it is read. */
export interface ContentClaim {
  /** Where it will be stored, as the whole storage names it. */
  readonly key: string;
  readonly contentType: string | undefined;
  readonly filename: string | undefined;
  readonly metadata: Metadata;
  /** Bytes, when they are known. */
  readonly size: number | undefined;
}

/**
 * One requirement of one piece of content, in the order `begin`, `pass` for each piece, `end`. Each of them throws a
 * StorageError when the content does not meet it. The last piece is withheld until `end` of every check has passed.
 */
export interface Check {
  /**
   * Looks at what is said and at the first bytes, at most {@link headBytes} of them.
   *
   * @returns the content type to store instead of the claimed one, or nothing.
   */
  begin?(head: Uint8Array, claim: ContentClaim): Promise<string | undefined> | string | undefined;
  /** Takes the next piece, which it must not keep. */
  pass?(piece: Uint8Array): Promise<void> | void;
  /** Says that the content is whole. */
  end?(): Promise<void> | void;
  /** Whether content must pass by as a whole also when its size is known: a stored object is then read to its end. */
  readonly readsAll?: boolean;
  /** Gives up; safe at any time and more than once. */
  cancel?(): void;
}

/** Most leading bytes that a check looks at before the rest comes. */
export const headBytes = 16_384;

/** Runs the checks of one piece of content one after the other. */
export class Checks {
  readonly #checks: readonly Check[];

  constructor(checks: readonly Check[]) {
    this.#checks = checks;
  }

  /** Whether they are done when they have begun: none looks at more than the first bytes. */
  get lookOnlyAhead(): boolean {
    return this.#checks.every(({ pass, end }) => pass === undefined && end === undefined);
  }

  /**
   * Waits only where a check does.
   *
   * @returns the content type to store: the claimed one, unless a check knows better.
   */
  begin(head: Uint8Array, claim: ContentClaim): Promise<string | undefined> | string | undefined {
    return this.#beginFrom(0, head, claim);
  }

  #beginFrom(first: number, head: Uint8Array, claim: ContentClaim): ReturnType<Checks["begin"]> {
    let { contentType } = claim;
    for (let index = first; index < this.#checks.length; index += 1) {
      const said = contentType === claim.contentType ? claim : { ...claim, contentType };
      const decided = this.#checks[index]?.begin?.(head, said);
      if (decided instanceof Promise) {
        return decided.then((later) =>
          this.#beginFrom(index + 1, head, { ...claim, contentType: later ?? contentType }),
        );
      }
      contentType = decided ?? contentType;
    }
    return contentType;
  }

  /** Waits only where a check does: most of them answer at once. */
  async pass(piece: Uint8Array): Promise<void> {
    for (const check of this.#checks) {
      const passing = check.pass?.(piece);
      if (passing !== undefined) await passing;
    }
  }

  async end(): Promise<void> {
    for (const check of this.#checks) await check.end?.();
  }

  cancel(): void {
    for (const check of this.#checks) check.cancel?.();
  }
}
