import type { MailMessage } from "./message.js";

/** A mail with every field filled in. */
export type SendableMail = MailMessage & { readonly from: string };

/** One way to send mail. */
export interface MailTransport {
  /** For people and logs: `smtp://mail.example.com:587`; holds no secret. */
  readonly description: string;
  /**
   * Hands one mail over; resolves when it was taken for at least one receiver.
   *
   * @returns the addresses that it was not taken for.
   * @throws MailError
   */
  send(mail: SendableMail): Promise<readonly string[]>;
  /** Looks whether mail would be taken now. @throws MailError */
  check(): Promise<void>;
  close(): void;
}
