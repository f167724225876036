import { MailError } from "./mail-error.js";

/** What a mail says. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/**
 * One mail. Addresses are `someone@example.com` or `Someone <someone@example.com>`; a name with any of `, ; : @ ( )` is in
 * double quotes.
 */
export interface MailMessage extends MailContent {
  readonly to: string | readonly string[];
  /** Default: `MAIL_FROM`. */
  readonly from?: string;
  readonly replyTo?: string;
}

const mailbox = /[^\s<>@,;:"()\\]+@[^\s<>@,;:"()\\]+/.source;

/** A name without quotes must hold nothing that a mail library may read as another address, a group or a comment. */
const name = /(?:"[^"\\]*" *|[^<>@,;:"()\\]*)/.source;

const address = new RegExp(`^(?:${mailbox}|${name}<${mailbox}>)$`);

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

/** Whether it is one address, with a name or without. */
export function isAddress(value: string): boolean {
  return address.test(value) && !control.test(value);
}

function checkAddress(field: string, value: string): void {
  if (!isAddress(value))
    throw invalid(field, 'one address like shop@example.com or "Shop" <shop@example.com>');
}

function invalid(field: string, expected: string): MailError {
  return new MailError("invalid_message", `the field '${field}' of a mail must be ${expected}`);
}
