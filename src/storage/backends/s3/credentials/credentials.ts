/** Keys that sign requests. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What temporary keys need besides. */
  readonly sessionToken?: string | undefined;
  /** When temporary keys end. */
  readonly expiration?: Date | undefined;
}

/** What a provider is told that must give others than the last keys, since the service has refused those. */
export interface S3CredentialRequest {
  readonly forceRefresh: boolean;
}

/** Gives keys, and others when those have ended: what `@aws-sdk/credential-providers` makes is one. */
export type S3CredentialProvider = (request?: S3CredentialRequest) => Promise<S3Credentials>;

/** Where a client gets its keys from. */
export interface CredentialSource {
  /** The keys, when there is nothing to wait for. */
  current(): S3Credentials | undefined;
  /** The same, or others after {@link expire}. */
  get(): Promise<S3Credentials>;
  /** The keys that hold until a time, or else the longest that can be had. */
  until(time: Date): S3Credentials | Promise<S3Credentials>;
  /**
   * Called when the service says that keys have expired.
   *
   * @param isCertain - `false` where its answer may mean something else: then the keys hold until there are others.
   * @returns whether there may be others to ask for.
   */
  expire(credentials: S3Credentials, isCertain: boolean): boolean;
}

/** Keys that do not change. */
export class StaticCredentials implements CredentialSource {
  readonly #credentials: S3Credentials;

  constructor(credentials: S3Credentials) {
    this.#credentials = credentials;
  }

  current(): S3Credentials {
    return this.#credentials;
  }

  get(): Promise<S3Credentials> {
    return Promise.resolve(this.#credentials);
  }

  until(): S3Credentials {
    return this.#credentials;
  }

  expire(): boolean {
    return false;
  }
}
