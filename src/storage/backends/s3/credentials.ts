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
