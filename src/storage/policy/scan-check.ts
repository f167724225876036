import type { Check, ContentClaim } from "../content/check.js";
import { type ScanFacts, scanChannel } from "../contract/channels.js";
import { BackendUnavailableError, InfectedError } from "../contract/error.js";
import type { Scan, Scanner, Verdict } from "./scanner.js";
import { keepVerdict, knownVerdict, maxKnownBytes } from "./verdicts.js";

/** A scanner, and what to do when it gives no verdict. */
export interface ScanRules {
  /** Looks for malware. */
  readonly scanner: Scanner;
  /** `accept` stores content that was not scanned. Default: `refuse`, with `unavailable` (503). */
  readonly whenUnavailable?: "refuse" | "accept" | undefined;
  /** Is told of content that `accept` stores unseen. Default: a warning of the process; `addStorage` logs it. */
  readonly onSkip?: ((skipped: SkippedScan) => void) | undefined;
}

/** Content that was stored although nothing looked at it. */
export interface SkippedScan {
  /** Where it is stored, as the whole storage names it. */
  readonly key: string;
  readonly scanner: string;
  readonly reason: string;
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
  #announced: number | undefined;
  /** The content, where it came as one piece. */
  #whole: Uint8Array | undefined;
  #known: Verdict | undefined;

  constructor(rules: ScanRules, listeners: readonly InfectedListener[] = []) {
    this.#rules = rules;
    this.#listeners = listeners;
  }

  begin(_head: Uint8Array, { key, size }: ContentClaim): Promise<undefined> {
    this.#key = key;
    this.#announced = size;
    return this.#withUnavailablePolicy(async () => {
      admitScan(this.#rules.scanner, size ?? 0);
      return undefined;
    });
  }

  pass(piece: Uint8Array): Promise<void> {
    return this.#withUnavailablePolicy(async () => {
      this.#size += piece.byteLength;
      admitScan(this.#rules.scanner, this.#size);
      if (this.#isWhole(piece)) {
        this.#whole = Uint8Array.from(piece);
        this.#known = knownVerdict(this.#rules.scanner, this.#whole);
        if (this.#known !== undefined) return;
      }
      this.#scan ??= await this.#begun();
      await this.#scan.pass(piece);
    });
  }

  end(): Promise<void> {
    return this.#withUnavailablePolicy(async () => {
      const verdict = this.#known ?? (await this.#scan?.end());
      this.#keep(verdict);
      // A verdict that is known is no scan, and would count as one that took no time.
      if (verdict !== undefined && this.#known === undefined) {
        this.#tell(verdict.isClean ? "clean" : "infected");
      }
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

  /** Whether it is all that was announced, and few enough bytes to know it again. */
  #isWhole(piece: Uint8Array): boolean {
    const { byteLength } = piece;
    return byteLength === this.#announced && byteLength === this.#size && byteLength <= maxKnownBytes;
  }

  #keep(verdict: Verdict | undefined): void {
    if (verdict === undefined || this.#whole === undefined || this.#known !== undefined) return;
    keepVerdict(this.#rules.scanner, this.#whole, verdict);
  }

  async #withUnavailablePolicy<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isOver) return undefined;
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof BackendUnavailableError;
      if (isAway) this.#tell("unavailable");
      if (!isAway || this.#rules.whenUnavailable !== "accept") throw error;
      this.cancel();
      const { scanner, onSkip = warn } = this.#rules;
      onSkip({ key: this.#key, scanner: scanner.name, reason: error.message });
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

/** Refuses a size that a scanner does not look at as a whole. */
export function admitScan({ name, maxBytes }: Scanner, size: number): void {
  if (size <= maxBytes) return;
  throw new BackendUnavailableError({
    message: `${name} looks at ${maxBytes} bytes at most, and the content is larger`,
    retryAfterMs: 3_600_000,
  });
}

function warn({ key, scanner, reason }: SkippedScan): void {
  process.emitWarning(
    `'${key}' is stored unscanned, as the policy says: ${scanner}: ${reason}`,
    "SkippedScan",
  );
}
