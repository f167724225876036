import { createHash } from "node:crypto";
import type { StorageErrorCode } from "../contract/error.js";
import { checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import type { Verb } from "./layer-backend.js";

/** `before`: the backend is not asked. `after`: it did it and the answer is lost. `body`: content breaks half-way. */
export type FaultKind = "before" | "after" | "body";

/** Options of the layer `chaos`. */
export interface ChaosOptions {
  /** Every n-th call fails; it comes before `rate`. */
  readonly every?: number | undefined;
  /** Share of calls that fail, 0 to 1; 0.1 by default. */
  readonly rate?: number | undefined;
  /** The same seed and calls give the same faults; 1 by default. */
  readonly seed?: number | undefined;
  /** Kinds of faults; all three by default. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Verbs that can fail; all by default. */
  readonly verbs?: readonly Verb[] | undefined;
  /** Code of the failures; `unavailable` by default. */
  readonly code?: StorageErrorCode | undefined;
}

const rules: OptionRules<ChaosOptions> = {
  call: "chaos",
  kinds: { every: "number", rate: "number", seed: "number", kinds: "array", verbs: "array", code: "string" },
};

/** Decides which calls fail, and how. */
export class FaultPlan {
  readonly #options: ChaosOptions;
  #calls = 0;
  #draws = 0;

  constructor(options: ChaosOptions) {
    checkStorageOptions(options, rules);
    this.#options = options;
  }

  /** The fault of the next call; only those of `possible` kinds. */
  next(verb: Verb, possible: readonly FaultKind[]): FaultKind | undefined {
    const { kinds = ["before", "after", "body"], verbs } = this.#options;
    const open = kinds.filter((kind) => possible.includes(kind));
    if (open.length === 0 || verbs?.includes(verb) === false || !this.#isDue()) return undefined;
    return open[Math.floor(this.#draw() * open.length)];
  }

  #isDue(): boolean {
    const { every, rate = 0.1 } = this.#options;
    this.#calls++;
    return every === undefined ? this.#draw() < rate : this.#calls % every === 0;
  }

  /** The next number from 0 to 1 of this seed. */
  #draw(): number {
    const text = `${this.#options.seed ?? 1}:${this.#draws++}`;
    return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
  }
}
