/** Keys that sign requests. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys. */
  readonly sessionToken?: string | undefined;
  /** When temporary keys end. */
  readonly expiration?: Date | undefined;
}

/** Gives keys, and others when those have ended: what `@aws-sdk/credential-providers` makes is one. */
export type S3CredentialProvider = () => Promise<S3Credentials>;

/** Where a client has its keys from. */
export interface CredentialSource {
  /** The keys, when there is nothing to wait for. */
  current(): S3Credentials | undefined;
  get(): Promise<S3Credentials>;
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
}
