import { MailError } from "./mail-error.js";

/** What a mail says. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/** One mail. Addresses are `someone@example.com` or `Someone <someone@example.com>`. */
export interface MailMessage extends MailContent {
  readonly to: string | readonly string[];
  /** Default: `MAIL_FROM`. */
  readonly from?: string;
  readonly replyTo?: string;
}

const address = /^(?:[^<>\r\n]*<[^\s<>@,;:"]+@[^\s<>@,;:"]+>|[^\s<>@,;:"]+@[^\s<>@,;:"]+)$/;

/** Control characters end a header field, or hide the text behind them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const control = /[\u0000-\u001f\u007f\u2028\u2029]/;

/**
 * Checks a mail before it is kept or sent: one that breaks a rule could name other receivers than it was meant for.
 *
 * @throws MailError (`invalid_message`) that names the field.
 */
export function checkMessage({ to, from, replyTo, subject, text }: MailMessage): void {
  const receivers = typeof to === "string" ? [to] : to;
  if (receivers.length === 0) throw invalid("to", "at least one address");
  for (const each of receivers) checkAddress("to", each);
  if (from !== undefined) checkAddress("from", from);
  if (replyTo !== undefined) checkAddress("replyTo", replyTo);
  if (subject === "" || control.test(subject)) throw invalid("subject", "one line of text");
  if (text === "") throw invalid("text", "text that is not empty");
}

function checkAddress(field: string, value: string): void {
  if (!address.test(value) || control.test(value)) throw invalid(field, "one address like shop@example.com");
}

function invalid(field: string, expected: string): MailError {
  return new MailError("invalid_message", `the field '${field}' of a mail must be ${expected}`);
}
