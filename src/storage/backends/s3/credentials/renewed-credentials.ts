import type { CredentialSource, S3CredentialProvider, S3Credentials } from "./credentials.js";

/** Milliseconds before their end from which keys are renewed. */
const renewalMs = 300_000;
/** Milliseconds in which a provider is not asked again that gave keys that end too early, or was asked in doubt. */
const askedMs = 60_000;

/** Keys that end: the provider is asked for others before that, once for all callers that wait. */
export class RenewedCredentials implements CredentialSource {
  readonly #provider: S3CredentialProvider;
  readonly #now: () => number;
  #last: S3Credentials | undefined;
  #renewing: Promise<S3Credentials> | undefined;
  /** Whether others than the last keys must be asked for. */
  #isRefused = false;
  /** When the provider last gave keys that end too early. */
  #shortAt = Number.NEGATIVE_INFINITY;
  /** When it was last in doubt whether the keys have expired. */
  #doubtedAt = Number.NEGATIVE_INFINITY;

  /** @param now - milliseconds since the epoch. */
  constructor(provider: S3CredentialProvider, now: () => number) {
    this.#provider = provider;
    this.#now = now;
  }

  current(): S3Credentials | undefined {
    return this.#lives(renewalMs) ? this.#last : undefined;
  }

  async get(): Promise<S3Credentials> {
    return (this.#isRefused ? undefined : this.current()) ?? this.#renew();
  }

  until(time: Date): S3Credentials | Promise<S3Credentials> {
    const neededMs = time.getTime() - this.#now();
    const isEnough = this.#lives(neededMs) || this.#now() - this.#shortAt < askedMs;
    const known = isEnough ? this.current() : undefined;
    if (known !== undefined) return known;
    return this.#renew().finally(() => {
      if (!this.#lives(neededMs)) this.#shortAt = this.#now();
    });
  }

  expire(credentials: S3Credentials, isCertain: boolean): boolean {
    if (this.#last !== credentials) return true;
    if (isCertain) this.#last = undefined;
    else if (!this.#isRefused) {
      if (this.#now() - this.#doubtedAt < askedMs) return false;
      this.#doubtedAt = this.#now();
    }
    this.#isRefused = true;
    return true;
  }

  #renew(): Promise<S3Credentials> {
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** While the old keys hold, the provider may fail. */
  async #ask(): Promise<S3Credentials> {
    try {
      this.#last = await (this.#isRefused ? this.#provider({ forceRefresh: true }) : this.#provider());
    } catch (error) {
      if (this.#last === undefined || !this.#lives(0)) throw error;
    }
    this.#isRefused = false;
    return this.#last;
  }

  #lives(ms: number): boolean {
    if (this.#last === undefined) return false;
    const { expiration } = this.#last;
    return expiration === undefined || expiration.getTime() - this.#now() > ms;
  }
}
