/** What a scanner thinks of content. */
export type Verdict =
  | { readonly isClean: true }
  | {
      readonly isClean: false;
      /** The name of what was found, as the engine has it. */
      readonly found: string;
    };

/** One scan, beside the write of the content. */
export interface Scan {
  /** Hands over the next piece; resolves when the engine takes more. @throws StorageError (`unavailable`) */
  pass(piece: Uint8Array): Promise<void>;
  /** Says that the content is whole. @throws StorageError (`unavailable`) when there is no verdict. */
  end(): Promise<Verdict>;
  /** Gives the scan up; safe at any time and more than once. */
  cancel(): void;
}

/** Looks for malware in content while it streams by. */
export interface Scanner {
  /** For logs and health: `clamav`. */
  readonly name: string;
  /**
   * Most bytes that the engine scans. Larger content would count as clean although its rest was not scanned, so it is
   * refused.
   */
  readonly maxBytes: number;
  /** Begins a scan. @throws StorageError (`unavailable`) when the engine is away or busy for too long. */
  begin(): Promise<Scan>;
  /** Looks whether the engine answers. @throws StorageError (`unavailable`) */
  check(): Promise<void>;
}
