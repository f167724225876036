/** Kinds of failure of a mail: a message that is wrong, a server that refused it for good, one that may take it later. */
export type MailErrorCode = "invalid_message" | "mail_refused" | "mail_unavailable";

const statusOfCode = { invalid_message: 400, mail_refused: 502, mail_unavailable: 503 } as const;

/** A mail that was not taken. */
export class MailError extends Error {
  override readonly name = "MailError";
  readonly code: MailErrorCode;
  readonly statusCode: number;

  constructor(code: MailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = statusOfCode[code];
  }

  /** Whether the same mail may be taken at another time. */
  get isTemporary(): boolean {
    return this.code === "mail_unavailable";
  }
}
