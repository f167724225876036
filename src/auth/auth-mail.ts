import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../kernel/index.js";
import { linkMail, type Mail } from "../mail/index.js";

/** As long as an answer waits for a server; for a queue it waits until the mail is kept. */
const maxWaitMs = 250;

/** A mail with a link. */
export interface LinkLetter {
  readonly to: string;
  readonly url: string;
}

/** The mails that flows of users send. A server that is away delays and fails no flow. */
export class AuthMail {
  readonly #mail: Pick<Mail, "send" | "isQueued">;
  readonly #service: string;
  readonly #log: Pick<Logger, "error">;
  readonly #sending = new Set<Promise<void>>();

  constructor(mail: Pick<Mail, "send" | "isQueued">, service: string, log: Pick<Logger, "error">) {
    this.#mail = mail;
    this.#service = service;
    this.#log = log;
  }

  confirmAddress({ to, url }: LinkLetter): Promise<void> {
    return this.#post(to, {
      subject: `${this.#service}: confirm your address`,
      reason: "An account was opened with this address. If it was not you, do nothing.",
      action: "Confirm the address",
      note: "The link works for one hour.",
      url,
    });
  }

  resetPassword({ to, url }: LinkLetter): Promise<void> {
    return this.#post(to, {
      subject: `${this.#service}: choose a new password`,
      reason: "A new password was asked for. If it was not you, do nothing.",
      action: "Choose a new password",
      note: "The link works once, for one hour.",
      url,
    });
  }

  accountExists({ to, url }: LinkLetter): Promise<void> {
    return this.#post(to, {
      subject: `${this.#service}: there is an account already`,
      reason: "An account was asked for with this address, which has one. If it was not you, do nothing.",
      action: "Sign in",
      note: "A forgotten password can be replaced there.",
      url,
    });
  }

  invite({ to, url, organization }: LinkLetter & { readonly organization: string }): Promise<void> {
    return this.#post(to, {
      subject: `${this.#service}: an invitation`,
      reason: `This address was invited to ${organization}.`,
      action: "Look at the invitation",
      note: "The invitation works once, for two days.",
      url,
    });
  }

  /** Waits until no mail is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#sending);
  }

  async #post(to: string, letter: Parameters<typeof linkMail>[0]): Promise<void> {
    const sending = this.#mail
      .send({ to, ...linkMail(letter) })
      .catch((error: unknown) => this.#log.error({ err: error }, "a mail to a user was not sent"))
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
    if (this.#mail.isQueued) await sending;
    else await Promise.race([sending, delay(maxWaitMs, undefined, { ref: false })]);
  }
}
