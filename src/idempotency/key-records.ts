import { randomUUID } from "node:crypto";
import type { CacheStore } from "../cache/index.js";

/** An answer as it was sent first. */
export interface RecordedAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What is known of a key when a request brings it. */
export type KeyState =
  | { readonly is: "new"; readonly claim: Claim }
  | { readonly is: "running" }
  | { readonly is: "other" }
  | { readonly is: "answered"; readonly answer: RecordedAnswer };

interface KeyRecord {
  readonly fingerprint: string;
  readonly answer: RecordedAnswer;
}

/** How often a key is looked up that is neither free nor there. */
const mostLooks = 3;

/** Free again this long after the process that had it died. */
const claimMs = 30_000;

/** An answer that could not be kept is tried again so often: for ten minutes. */
const maxTries = 600;
const retryMs = 1000;

/** What became of each key, in a store that all processes share. */
export class KeyRecords {
  readonly #store: CacheStore;
  readonly #ttlMs: number;

  constructor(store: CacheStore, ttlMs: number) {
    this.#store = store;
    this.#ttlMs = ttlMs;
  }

  /**
   * Claims the key, or says why not: of many requests at once exactly one gets it.
   *
   * @throws Error when the store has the key and tells nothing of it, as Redis does to a Node older than the one that wrote it.
   */
  async begin(key: string, fingerprint: string): Promise<KeyState> {
    const mark = `${fingerprint} ${randomUUID()}`;
    // What is there may end between the two calls, but not time and again.
    for (let tries = 0; tries < mostLooks; tries++) {
      if (await this.#add(key, mark)) {
        return { is: "new", claim: new Claim(this.#store, key, mark, this.#ttlMs) };
      }
      const [found] = await this.#store.read([key]);
      if (found !== undefined) return stateOf(found, fingerprint);
    }
    throw new Error("the store has the idempotency key, and nothing that can be read");
  }

  async #add(key: string, mark: string): Promise<boolean> {
    try {
      return await this.#store.add(key, mark, claimMs);
    } catch (error) {
      this.#takeBack(key, mark);
      throw error;
    }
  }

  /** Removes a claim that the store may have kept although its answer was lost; it ends by itself after {@link claimMs}. */
  #takeBack(key: string, mark: string, tries = claimMs / retryMs): void {
    const again = () => {
      if (tries > 1) this.#takeBack(key, mark, tries - 1);
    };
    setTimeout(() => void this.#store.removeIf(key, mark).catch(again), retryMs).unref();
  }
}

/** Lock of an idempotency key; renewed until the answer is kept or the key released. */
export class Claim {
  readonly #store: CacheStore;
  readonly #key: string;
  readonly #mark: string;
  readonly #ttlMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(store: CacheStore, key: string, mark: string, ttlMs: number) {
    this.#store = store;
    this.#key = key;
    this.#mark = mark;
    this.#ttlMs = ttlMs;
    const renew = () => void store.renewIf(key, mark, claimMs).catch(() => undefined);
    this.#timer = setInterval(renew, claimMs / 3).unref();
  }

  /**
   * Keeps the answer for all who bring the key again. While the store is away the claim holds, and it is tried again. Where
   * the claim has lapsed and another request has taken the key over, the answer of that one holds.
   *
   * @throws Error when the first try fails.
   */
  async keep(answer: RecordedAnswer, tries = maxTries): Promise<void> {
    const [fingerprint = ""] = this.#mark.split(" ");
    try {
      const record = { fingerprint, answer } satisfies KeyRecord;
      // A claim that has lapsed is renewed, unless another one stands there.
      await this.#store.add(this.#key, this.#mark, claimMs);
      await this.#store.write(this.#key, record, this.#ttlMs, [this.#key, this.#mark]);
      clearInterval(this.#timer);
    } catch (error) {
      const again = () => void this.keep(answer, tries - 1).catch(() => undefined);
      if (tries > 1) setTimeout(again, retryMs).unref();
      else clearInterval(this.#timer);
      throw error;
    }
  }

  /** Lets the next request with the key do the work. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#store.removeIf(this.#key, this.#mark);
  }
}

function stateOf(found: unknown, fingerprint: string): KeyState {
  if (typeof found === "string") return { is: found.startsWith(`${fingerprint} `) ? "running" : "other" };
  const record = found as KeyRecord;
  return record.fingerprint === fingerprint ? { is: "answered", answer: record.answer } : { is: "other" };
}
