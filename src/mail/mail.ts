import type { Logger } from "../kernel/index.js";
import { MailError } from "./mail-error.js";
import { checkMessage, type MailMessage } from "./message.js";
import type { MailTransport, SendableMail } from "./transport.js";

/** Keeps mails until they are sent, as a queue of jobs does. */
export type MailQueue = (mail: SendableMail) => Promise<void>;

/** What an application sends mail with. */
export class Mail {
  readonly #transport: MailTransport;
  readonly #from: string;
  readonly #log: Pick<Logger, "info">;
  #queue: MailQueue | undefined;

  constructor(transport: MailTransport, from: string, log: Pick<Logger, "info">) {
    this.#transport = transport;
    this.#from = from;
    this.#log = log;
  }

  /** Where mail goes, for people; holds no secret. */
  get description(): string {
    return this.#transport.description;
  }

  /** Whether a queue keeps each mail, so that a dead server loses none. */
  get isQueued(): boolean {
    return this.#queue !== undefined;
  }

  /**
   * Sends one mail. With a queue it resolves when the mail is kept, and a dead server delays it; without one it resolves
   * when the server has taken it for every receiver.
   *
   * @throws MailError: `mail_refused` also when the server took it for some receivers only. The message says so, and the
   * mail should not be sent to all of them again.
   * @example
   * await mail.send({ to: "ann@example.com", subject: "Welcome", text: "Hello Ann." });
   */
  async send(message: MailMessage): Promise<void> {
    checkMessage(message);
    const mail = { ...message, from: message.from ?? this.#from };
    await (this.#queue === undefined ? this.deliver(mail) : this.#queue(mail));
  }

  /**
   * Hands a mail to the server now: what the queue does with each. Receivers that the server refuses, while it takes the mail
   * for others, get a mail of their own from the queue.
   *
   * @throws MailError
   */
  async deliver(mail: SendableMail): Promise<void> {
    const refused = await this.#transport.send(mail);
    const all = typeof mail.to === "string" ? 1 : mail.to.length;
    this.#log.info({ receivers: all - refused.length, refused: refused.length }, "mail sent");
    if (refused.length === 0) return;
    const message = `the mail server refused ${refused.length} of ${all} receivers; the others get the mail`;
    const queue = this.#queue;
    if (queue === undefined) throw new MailError("mail_refused", message);
    const kept = await Promise.allSettled(refused.map((to) => queue({ ...mail, to })));
    const failure = kept.find(({ status }) => status === "rejected");
    if (failure === undefined) return;
    const lost = refused.filter((_, index) => kept[index]?.status === "rejected").join(", ");
    // Final: a job that is tried again would send to all.
    const cause = Object(failure).reason;
    throw new MailError("mail_refused", `${message}, and no job could be made for ${lost}`, { cause });
  }

  /** Lets a queue keep each mail from now on. */
  useQueue(queue: MailQueue): void {
    this.#queue = queue;
  }

  /** Looks whether mail would be taken now. @throws MailError */
  check(): Promise<void> {
    return this.#transport.check();
  }

  close(): void {
    this.#transport.close();
  }
}
