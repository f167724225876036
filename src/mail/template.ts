import { escapeHtml } from "../kernel/index.js";
import type { MailContent } from "./message.js";

/** A mail as a function of its data. */
export type MailTemplate<Data> = (data: Data) => MailContent;

/** HTML that was made by {@link html}: put into another template as it stands. */
export class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/**
 * HTML of a template: every value is escaped, unless it is {@link Html} itself.
 *
 * @example
 * const greeting = html`<p>Hello ${name}</p>`;
 */
export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  const escaped = values.map((value) =>
    value instanceof Html ? value.toString() : escapeHtml(String(value)),
  );
  return new Html(String.raw({ raw: parts }, ...escaped));
}

/** What {@link linkMail} says. */
export interface LinkMail {
  readonly subject: string;
  /** Sentences before the link. */
  readonly reason: string;
  readonly url: string;
  /** Words of the link: `Confirm the address`. */
  readonly action: string;
  /** What holds of the link: `It works once, for one hour.` */
  readonly note: string;
}

/** A mail that asks for one click, as text and HTML. */
export const linkMail: MailTemplate<LinkMail> = ({ subject, reason, url, action, note }) => ({
  subject,
  text: `${reason}\n\n${action}: ${url}\n\n${note}\n`,
  html: html`<p>${reason}</p><p><a href="${url}">${action}</a></p><p>${note}</p>`.toString(),
});
