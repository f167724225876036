import { type Storage, StorageError, type StorageErrorCode } from "svc-infra/storage";
import { expect } from "vitest";
import type { Fault } from "../rigs/fault-plan.js";
import type { FaultProxy } from "../rigs/fault-proxy.js";

type Visit = FaultProxy["visits"][number];

/** What a key may hold: the name of a content, or nothing. */
type Value = string | undefined;

export interface LaneOptions {
  readonly name: string;
  readonly storage: Storage;
  readonly proxy: FaultProxy;
  /** Whether a failed write is certain to have done nothing. */
  readonly isNotApplied: (error: StorageError) => boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

const keyCount = 5;
/** How many calls the message of a failure tells. */
const lastCalls = 30;

/** Calls; a stream is content that can be read only once. */
export type LaneCall =
  | "put"
  | "put stream"
  | "create"
  | "delete"
  | "copy"
  | "get"
  | "range"
  | "stat"
  | "list";

export interface WriterOutcome {
  readonly call: LaneCall;
  readonly end: "done" | StorageErrorCode;
}

const codesOf: { readonly [K in Fault["kind"]]: readonly StorageErrorCode[] } = {
  refuse: ["unavailable"],
  cutUp: ["unavailable"],
  cutDown: ["unavailable"],
  loseAnswer: ["unavailable"],
  corrupt: ["corrupt"],
  answer: ["rate_limited", "unavailable"],
  hang: ["timeout"],
  delay: [],
  throttle: [],
};

/**
 * One user of a storage behind a fault proxy, with keys of its own, who does one thing after another and knows of each key
 * what it may hold: a write that failed may have been done, unless the failure says that it was not.
 */
export class FaultyWriter {
  readonly #options: LaneOptions;
  readonly #possible = new Map<string, Set<Value>>();
  readonly #steps: readonly (() => Promise<void>)[];
  #made = 0;
  /** What was called, and how it ended: `done`, or the code. */
  readonly outcomes: WriterOutcome[] = [];
  /** The last calls with their faults, for the message of a failure. */
  readonly #last: string[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    for (let index = 0; index < keyCount; index++)
      this.#possible.set(`${options.name}/k${index}`, new Set([undefined]));
    this.#possible.set(`${options.name}/large`, new Set([undefined]));
    const steps: readonly (readonly [share: number, step: () => Promise<void>])[] = [
      [6, () => this.#put(this.#key(), "buffer")],
      [4, () => this.#put(this.#key(), "stream")],
      [2, () => this.#create(this.#key())],
      [3, () => this.#remove(this.#key())],
      [3, () => this.#copy()],
      [8, () => this.#get(this.#key())],
      [4, () => this.#range(this.#key())],
      [4, () => this.#stat(this.#key())],
      [3, () => this.#list()],
      [0.2, () => this.#put(`${options.name}/large`, "stream")],
      [0.2, () => this.#range(`${options.name}/large`)],
    ];
    this.#steps = steps.flatMap(([share, step]) => Array.from({ length: share * 5 }, () => step));
  }

  /** Does something `count` times. */
  async run(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.#steps[this.#below(this.#steps.length)]?.();
  }

  /** Reads every key, when there are no faults any more. */
  async settle(): Promise<void> {
    for (const key of this.#possible.keys()) await this.#get(key);
    await this.#list();
  }

  async #put(key: string, how: "buffer" | "stream"): Promise<void> {
    const value = this.#newValue(key);
    const bytes = contentOf(value);
    const outcome = await this.#call(how === "buffer" ? "put" : "put stream", () =>
      this.#options.storage.put(key, how === "buffer" ? bytes : piecesOf(bytes)),
    );
    if (outcome.result) this.#holds(key, [value]);
    else this.#mayHold(key, outcome.error, [value]);
  }

  async #create(key: string): Promise<void> {
    const value = this.#newValue(key);
    const outcome = await this.#call(
      "create",
      () => this.#options.storage.put(key, contentOf(value), { ifAbsent: true }),
      ["precondition_failed"],
    );
    if (outcome.result) {
      expect(this.#of(key)).toContain(undefined);
      this.#holds(key, [value]);
    } else if (outcome.error.code === "precondition_failed") this.#is(key, (held) => held !== undefined);
    else this.#mayHold(key, outcome.error, [value]);
  }

  async #remove(key: string): Promise<void> {
    const outcome = await this.#call("delete", () => this.#options.storage.delete(key));
    if (outcome.result !== undefined) this.#holds(key, [undefined]);
    else this.#mayHold(key, outcome.error, [undefined]);
  }

  async #copy(): Promise<void> {
    const from = this.#below(keyCount);
    const to = (from + 1 + this.#below(keyCount - 1)) % keyCount;
    return this.#copyOf(`${this.#options.name}/k${from}`, `${this.#options.name}/k${to}`);
  }

  async #copyOf(from: string, to: string): Promise<void> {
    const outcome = await this.#call("copy", () => this.#options.storage.copy(from, to), ["not_found"]);
    const there = [...this.#of(from)].filter((value) => value !== undefined);
    if (outcome.result) {
      this.#is(from, (value) => value !== undefined);
      this.#holds(to, there);
    } else if (outcome.error.code === "not_found") this.#is(from, (value) => value === undefined);
    else this.#mayHold(to, outcome.error, there);
  }

  async #get(key: string): Promise<void> {
    const outcome = await this.#call("get", () => this.#options.storage.get(key), ["not_found"]);
    if (outcome.result) {
      const value = nameIn(outcome.result);
      expect(contentOf(value).equals(outcome.result), `content of ${key}`).toBe(true);
      this.#is(key, (held) => held === value, value);
    } else if (outcome.error.code === "not_found") this.#is(key, (held) => held === undefined);
  }

  async #range(key: string): Promise<void> {
    const start = this.#below(1000);
    const end = start + this.#below(200_000);
    const read = async () => (await this.#options.storage.open(key, { range: { start, end } })).body.bytes();
    const outcome = await this.#call("range", read, ["not_found", "invalid_range"]);
    const { result, error } = outcome;
    if (result)
      this.#is(
        key,
        (held) =>
          held !== undefined &&
          contentOf(held)
            .subarray(start, end + 1)
            .equals(result),
        `${result.length} bytes from ${start}: ${Buffer.from(result.subarray(0, 80))}`,
      );
    else if (error.code === "not_found") this.#is(key, (held) => held === undefined);
    else if (error.code === "invalid_range")
      this.#is(key, (held) => held !== undefined && contentOf(held).length <= start);
  }

  async #stat(key: string): Promise<void> {
    const { result, error } = await this.#call("stat", () => this.#options.storage.getMetadata(key), [
      "not_found",
    ]);
    if (result) this.#is(key, (held) => held !== undefined && contentOf(held).length === result.size);
    else if (error.code === "not_found") this.#is(key, (held) => held === undefined);
  }

  async #list(): Promise<void> {
    const { result } = await this.#call("list", () =>
      this.#options.storage.listKeys({ prefix: `${this.#options.name}/` }),
    );
    if (result === undefined) return;
    expect(result.filter((key) => !this.#possible.has(key))).toEqual([]);
    for (const key of this.#possible.keys())
      this.#is(key, (held) => (held !== undefined) === result.includes(key));
  }

  /** Every failure is one that the call may have, or that a fault on its way explains. */
  async #call<T>(
    call: LaneCall,
    calling: () => Promise<T>,
    own: readonly StorageErrorCode[] = [],
  ): Promise<{ result: T; error: undefined } | { result: undefined; error: StorageError }> {
    const { proxy, name } = this.#options;
    const before = proxy.visits.length;
    const visits = () => proxy.visits.slice(before).filter(({ target }) => target.includes(name));
    try {
      const result = await calling();
      this.#ended(call, "done", visits());
      return { result, error: undefined };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const faults = visits().flatMap(({ fault }) => (fault ? [fault] : []));
      const explained = faults.flatMap(({ kind }) => codesOf[kind]);
      expect(
        [...own, ...explained],
        `${error.operation} of ${error.key}: ${error.message}; ${JSON.stringify(faults)}`,
      ).toContain(error.code);
      this.#ended(call, error.code, visits());
      return { result: undefined, error };
    }
  }

  #ended(call: LaneCall, end: WriterOutcome["end"], visits: readonly Visit[]): void {
    this.outcomes.push({ call, end });
    const requests = visits.map(({ method, target, fault }) => `${method} ${target} ${fault?.kind ?? ""}`);
    this.#last.push(`${call}: ${end}: ${requests.join("; ")}`);
    if (this.#last.length > lastCalls) this.#last.shift();
  }

  #holds(key: string, values: readonly Value[]): void {
    this.#possible.set(key, new Set(values));
  }

  #mayHold(key: string, error: StorageError, values: readonly Value[]): void {
    if (!this.#options.isNotApplied(error)) this.#holds(key, [...this.#of(key), ...values]);
  }

  /** What was seen rules out what it contradicts; something must be left. */
  #is(key: string, agrees: (value: Value) => boolean, seen = ""): void {
    const left = [...this.#of(key)].filter(agrees);
    const held = [...this.#of(key)].join(", ");
    const story = [`what was seen of ${key}, which held one of ${held}: ${seen}`, ...this.#last].join("\n");
    expect(left, story).not.toEqual([]);
    this.#holds(key, left);
  }

  #of(key: string): ReadonlySet<Value> {
    return this.#possible.get(key) ?? new Set();
  }

  #key(): string {
    return `${this.#options.name}/k${this.#below(keyCount)}`;
  }

  #newValue(key: string): string {
    const length = key.endsWith("large") ? 8_400_000 + this.#below(1_000_000) : this.#below(120_000);
    return `${key}:${++this.#made}:${length}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#options.random() * limit);
  }
}

/** The content of a name: its length is in the name, the name is at its start. */
function contentOf(value: string): Buffer {
  const [, , length = "0"] = value.split(":");
  return Buffer.alloc(value.length + 1 + Number(length), `${value}|`);
}

function nameIn(content: Uint8Array): string {
  const text = Buffer.from(content.subarray(0, 100)).toString();
  return text.slice(0, text.indexOf("|"));
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
}
