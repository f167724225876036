import type { UserDelegationKey } from "@azure/storage-blob";
import { unlessAborted } from "../../contract/abortable.js";
import { refusal } from "../../contract/service-error.js";
import type { AzureClient } from "./client.js";

/** The service gives keys for seven days at most, counted by its own clock. */
const maxLifeMs = 7 * 86_400_000;
/** So that one key serves for many URLs. */
const spareMs = 3_600_000;
/** So that a service whose clock is a little behind takes the key at once. */
const leadMs = 300_000;
/** Milliseconds after which a request for a key is given up. */
const askMs = 10_000;

/** The user delegation key that signs where there is no account key: asked for once, and again before it is too old. */
export class DelegationKeys {
  readonly #client: AzureClient;
  #expiresAt = 0;
  #key: Promise<UserDelegationKey> | undefined;

  constructor(client: AzureClient) {
    this.#client = client;
  }

  /** A key that is good at least until then. */
  async until(time: Date): Promise<UserDelegationKey> {
    if (this.#key === undefined || this.#expiresAt < time.getTime()) {
      const now = Date.now();
      this.#expiresAt = Math.min(time.getTime() + spareMs, now + maxLifeMs);
      const begin = Math.max(now - leadMs, this.#expiresAt - maxLifeMs);
      this.#key = this.#ask(new Date(begin), new Date(this.#expiresAt));
    }
    const key = this.#key;
    try {
      return await key;
    } catch (error) {
      if (this.#key === key) this.#key = undefined;
      throw error;
    }
  }

  /** All callers that sign wait for this one request, so that no caller's signal may end it; it has a time limit of its own. */
  async #ask(from: Date, until: Date): Promise<UserDelegationKey> {
    const limit = new AbortController();
    const late = refusal("unavailable", "Azure gave no key to sign URLs in time");
    const timer = setTimeout(() => limit.abort(late), askMs);
    const key = this.#client.send(limit.signal, ({ service }, abortSignal) =>
      service.getUserDelegationKey(from, until, { abortSignal }),
    );
    return unlessAborted(() => key, limit.signal).finally(() => clearTimeout(timer));
  }
}
