import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

/** An SMTP server that keeps what it takes. */
export class Inbox {
  readonly #server: SMTPServer;
  readonly #mails: string[] = [];
  /** Called with the first mail that is held back. */
  #onHeld: (() => void) | undefined;
  #isHolding = false;

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      onData: (stream, _session, callback) => {
        if (this.#isHolding) {
          this.#onHeld?.();
          return;
        }
        const pieces: Buffer[] = [];
        stream.on("data", (piece) => pieces.push(piece));
        stream.on("end", () => {
          this.#mails.push(Buffer.concat(pieces).toString());
          callback(null);
        });
      },
    });
  }

  static async start(port = 0): Promise<Inbox> {
    const inbox = new Inbox();
    // A client that is killed is no fault of the server.
    inbox.#server.on("error", () => undefined);
    await new Promise<void>((resolve) => inbox.#server.listen(port, "127.0.0.1", resolve));
    return inbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  /** How many mails went to an address. */
  countOf(address: string): number {
    return this.#mailsTo(address).length;
  }

  /** The newest mail to an address, as text, when there are so many. */
  async mailTo(address: string, count = 1): Promise<string> {
    for (let tries = 0; tries < 500; tries++) {
      const mail = this.#mailsTo(address)
        .slice(count - 1)
        .at(-1);
      if (mail !== undefined) return mail.replaceAll("=\r\n", "").replaceAll("=3D", "=");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`no mail to ${address}`);
  }

  /** The link of the newest mail to an address. */
  async linkTo(address: string, count = 1): Promise<URL> {
    const [link = ""] = /https?:\/\/[^\s"<]+/.exec(await this.mailTo(address, count)) ?? [];
    return new URL(link);
  }

  /** Takes no mail: resolves when a client waits for the answer to one. */
  hold(): Promise<void> {
    this.#isHolding = true;
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  release(): void {
    this.#isHolding = false;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #mailsTo(address: string): string[] {
    return this.#mails.filter((mail) => mail.includes(`To: ${address}`));
  }
}
