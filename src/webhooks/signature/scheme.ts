import type { Secret } from "../../kernel/index.js";

/** Secrets that a signature may have been made with: several while they are rotated. */
export type SigningSecrets = string | Secret | readonly (string | Secret)[];

/** Secrets, or a function that looks them up for each request, so that a rotation needs no restart. */
export type SecretSource = SigningSecrets | (() => SigningSecrets | Promise<SigningSecrets>);

/** Header fields by their lower-case names. */
export type HeaderFields = Readonly<Record<string, string | string[] | undefined>>;

/** A request as it came: nothing of its content has been parsed. */
export interface SignedRequest {
  readonly headers: HeaderFields;
  readonly body: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What is known of a request whose signature is right. */
export interface VerifiedWebhook {
  /** Names the message: a request with an id that was handled is a duplicate. */
  readonly id: string | undefined;
  /** When the sender signed it, where the scheme says so. */
  readonly sentAt: Date | undefined;
}

/** One way of signing requests. */
export interface SignatureScheme {
  /** For logs. */
  readonly name: string;
  /** Header fields that must be there once. */
  readonly fields: readonly string[];
  /** Seconds that the signed time may differ from the receiver's clock; `undefined` when no time is signed. */
  readonly toleranceSeconds?: number | undefined;
  /**
   * Checks a signature in constant time.
   *
   * @throws SignatureError whose message is for the log of the receiver, not for the sender.
   */
  verify(request: SignedRequest): Promise<VerifiedWebhook>;
}

/** A signature that is missing, malformed, too old, or made with another secret. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
}
