import type { Logger } from "../kernel/index.js";
import type { DisabledSubscription } from "./subscriptions/subscription.js";

/** Users and mail of an app. */
export interface MailedUsers {
  readonly ownersOf: (tenant: string) => Promise<readonly string[]>;
  readonly send: (mail: { readonly to: string; readonly subject: string; readonly text: string }) => unknown;
}

/** Who was mailed of one time at which a subscription was disabled. */
interface Told {
  readonly disabledAt: number;
  readonly addresses: Set<string>;
}

/** Mails the owners of a tenant that one of its subscriptions was disabled. */
export class OwnerMails {
  readonly #users: () => MailedUsers | undefined;
  readonly #log: Logger;
  /** By subscription; there until all of its owners were mailed. */
  readonly #told = new Map<string, Told>();

  /** @param users - none in an app without users or mail. */
  constructor(users: () => MailedUsers | undefined, log: Logger) {
    this.#users = users;
    this.#log = log;
  }

  /**
   * Mails each owner; one whose mail fails holds up no other. Repeated after a failure, it mails those that were not. A mail
   * that is refused for good is logged and not repeated. A tenant that is no organisation of the app's users has no owners
   * here.
   *
   * @throws the first failure that may pass.
   */
  async tell(disabled: DisabledSubscription): Promise<void> {
    const users = this.#users();
    if (users === undefined) return;
    const { addresses } = this.#toldOf(disabled);
    const owners = await users.ownersOf(disabled.tenant);
    const left = owners.filter((to) => !addresses.has(to));
    const ends = await Promise.allSettled(
      left.map((to) => this.#mail(users, to, disabled).then(() => addresses.add(to))),
    );
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    this.#told.delete(disabled.id);
  }

  async #mail({ send }: MailedUsers, to: string, disabled: DisabledSubscription): Promise<void> {
    const { id, url, reason } = disabled;
    const subject = "A webhook was disabled";
    const text = `Nothing is sent to ${url} any more: ${reason}.\n\nProve the URL again to enable it.\n`;
    try {
      await send({ to, subject, text });
    } catch (error) {
      if (!["mail_refused", "invalid_message"].includes(Object(error).code)) throw error;
      const words = "webhooks: the mail to an owner of a disabled subscription was refused";
      this.#log.error({ err: error, subscription: id }, words);
    }
  }

  #toldOf({ id, disabledAt }: DisabledSubscription): Told {
    const kept = this.#told.get(id);
    if (kept?.disabledAt === disabledAt.getTime()) return kept;
    const told = { disabledAt: disabledAt.getTime(), addresses: new Set<string>() };
    this.#told.set(id, told);
    return told;
  }
}
