import { createHash, randomUUID } from "node:crypto";
import type { Cache, CacheStore } from "../cache/index.js";
import { HttpError } from "../http/index.js";
import { checkGivenOptions, type OptionRules } from "../kernel/index.js";
import type { ReceivedIds } from "./received-ids.js";

/** Options of {@link CachedReceivedIds}. */
export interface CachedReceivedIdsOptions {
  /** Tells receivers apart whose ids may be alike; the same in each process. Default: `webhooks`. */
  readonly name?: string | undefined;
  /** Milliseconds that a handled id is remembered; at least twice the tolerance of timestamps. Default: 900,000. */
  readonly windowMs?: number | undefined;
  /**
   * Milliseconds that a handler has. After them the message of a process that died is free for its next delivery.
   * Default: 300,000.
   */
  readonly handlingMs?: number | undefined;
}

const longestMs = 366 * 24 * 60 * 60 * 1000;

const rules: OptionRules<CachedReceivedIdsOptions> = {
  call: "new CachedReceivedIds",
  kinds: { name: "string", windowMs: "number", handlingMs: "number" },
  ranges: { windowMs: [1, longestMs], handlingMs: [1, longestMs] },
};

const done = "done";

/**
 * Ids in the cache of the app: on Redis a message is handled once by all processes together, also after a restart. A cache
 * that cannot be reached admits nothing: the sender is answered with 503 and comes again.
 *
 * @throws ConfigurationError for an unknown option, or a number that is out of its range.
 * @example
 * const receivedIds = new CachedReceivedIds(await addCache(app), { name: "stripe" });
 * app.post("/stripe", { preParsing: requireSignature(stripeSignature(secret), { receivedIds }) }, handle);
 */
export class CachedReceivedIds implements ReceivedIds {
  readonly windowMs: number;
  readonly #store: CacheStore;
  readonly #name: string;
  readonly #handlingMs: number;
  /** What this process writes down while it handles a message. */
  readonly #claim = randomUUID();

  constructor({ store }: Pick<Cache, "store">, options: CachedReceivedIdsOptions = {}) {
    checkGivenOptions(options, rules);
    this.#store = store;
    this.#name = options.name ?? "webhooks";
    this.windowMs = options.windowMs ?? 15 * 60_000;
    this.#handlingMs = options.handlingMs ?? 5 * 60_000;
  }

  async claim(id: string): Promise<"claimed" | "running" | "done"> {
    const key = this.#keyOf(id);
    try {
      if (await this.#store.add(key, this.#claim, this.#handlingMs)) return "claimed";
      const [state] = await this.#store.read([key]);
      return state === done ? "done" : "running";
    } catch (error) {
      const message = "it cannot be told now whether this message was handled";
      throw new HttpError(503, "unavailable", message, { "retry-after": "5" }, { cause: error });
    }
  }

  async settle(id: string, isHandled: boolean): Promise<void> {
    const key = this.#keyOf(id);
    if (isHandled) await this.#store.write(key, done, this.windowMs);
    else await this.#store.removeIf(key, this.#claim);
  }

  /** An id is as long as its sender likes. */
  #keyOf(id: string): string {
    const hash = createHash("sha256").update(id).digest("base64url");
    return `received:${this.#name}:${hash}`;
  }
}
