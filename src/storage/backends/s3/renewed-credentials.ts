import type { CredentialSource, S3CredentialProvider, S3Credentials } from "./credentials.js";

/** Milliseconds before their end from which keys are renewed. */
const renewalMs = 300_000;

/** Keys that end: others are asked for before that, once for all who wait. */
export class RenewedCredentials implements CredentialSource {
  readonly #provider: S3CredentialProvider;
  readonly #now: () => number;
  #last: S3Credentials | undefined;
  #renewing: Promise<S3Credentials> | undefined;

  /** @param now - milliseconds since the epoch. */
  constructor(provider: S3CredentialProvider, now: () => number) {
    this.#provider = provider;
    this.#now = now;
  }

  current(): S3Credentials | undefined {
    return this.#lives(renewalMs) ? this.#last : undefined;
  }

  get(): Promise<S3Credentials> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** While the old keys hold, those who give others may fail. */
  async #renew(): Promise<S3Credentials> {
    const known = this.current();
    if (known !== undefined) return known;
    try {
      this.#last = await this.#provider();
      return this.#last;
    } catch (error) {
      if (this.#last !== undefined && this.#lives(0)) return this.#last;
      throw error;
    }
  }

  #lives(ms: number): boolean {
    if (this.#last === undefined) return false;
    const { expiration } = this.#last;
    return expiration === undefined || expiration.getTime() - this.#now() > ms;
  }
}
