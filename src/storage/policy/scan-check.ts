import type { Check, ContentClaim } from "../content/check.js";
import { type ScanFacts, scanChannel } from "../contract/channels.js";
import { BackendUnavailableError, InfectedError } from "../contract/error.js";
import type { Scan, Scanner } from "./scanner.js";

/** A scanner, and what to do when it gives no verdict. */
export interface ScanRules {
  readonly scanner: Scanner;
  /** `accept` stores content that was not scanned. Default: `refuse`, with `unavailable` (503). */
  readonly whenUnavailable?: "refuse" | "accept" | undefined;
}

/** Hears of a key whose content is infected. What it throws is dropped: the refusal is what the caller must learn of. */
export type InfectedListener = (key: string) => unknown;

/** Lets a scanner look at the content while it streams by. */
export class ScanCheck implements Check {
  readonly readsAll = true;
  readonly #rules: ScanRules;
  readonly #listeners: readonly InfectedListener[];
  #key = "";
  #scan: Scan | undefined;
  #size = 0;
  #startedAt = 0;
  #isOver = false;

  constructor(rules: ScanRules, listeners: readonly InfectedListener[] = []) {
    this.#rules = rules;
    this.#listeners = listeners;
  }

  begin(_head: Uint8Array, { key, size = 0 }: ContentClaim): Promise<undefined> {
    this.#key = key;
    return this.#unlessAway(async () => {
      this.#checkSize(size);
      return undefined;
    });
  }

  pass(piece: Uint8Array): Promise<void> {
    return this.#unlessAway(async () => {
      this.#size += piece.byteLength;
      this.#checkSize(this.#size);
      this.#scan ??= await this.#begun();
      await this.#scan.pass(piece);
    });
  }

  end(): Promise<void> {
    return this.#unlessAway(async () => {
      const verdict = await this.#scan?.end();
      if (verdict !== undefined) this.#tell(verdict.isClean ? "clean" : "infected");
      if (verdict === undefined || verdict.isClean) return;
      await Promise.allSettled(this.#listeners.map(async (listener) => listener(this.#key)));
      throw new InfectedError({
        message: `${this.#rules.scanner.name} found ${verdict.found} in the content`,
      });
    });
  }

  cancel(): void {
    this.#isOver = true;
    this.#scan?.cancel();
  }

  /** The content may have been given up while the engine was waited for. */
  async #begun(): Promise<Scan> {
    this.#startedAt = performance.now();
    const scan = await this.#rules.scanner.begin();
    if (this.#isOver) scan.cancel();
    return scan;
  }

  #checkSize(size: number): void {
    const { name, maxBytes } = this.#rules.scanner;
    if (size <= maxBytes) return;
    throw new BackendUnavailableError({
      message: `${name} looks at ${maxBytes} bytes at most, and the content is larger`,
      retryAfterMs: 3_600_000,
    });
  }

  async #unlessAway<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isOver) return undefined;
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof BackendUnavailableError;
      if (isAway) this.#tell("unavailable");
      if (!isAway || this.#rules.whenUnavailable !== "accept") throw error;
      this.cancel();
      return undefined;
    }
  }

  #tell(verdict: ScanFacts["verdict"]): void {
    if (!scanChannel.hasSubscribers) return;
    const durationSeconds = this.#startedAt === 0 ? 0 : (performance.now() - this.#startedAt) / 1000;
    const facts: ScanFacts = { scanner: this.#rules.scanner.name, verdict, durationSeconds };
    scanChannel.publish(facts);
  }
}
