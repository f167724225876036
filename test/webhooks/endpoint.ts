import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

/** A message that an endpoint received and verified. */
export interface ReceivedMessage {
  readonly id: string;
  readonly timestamp: number;
  readonly type: string;
  /** Of the event's data; none in a test event. */
  readonly version: unknown;
  readonly data: unknown;
}

/** A receiver of webhooks on this machine, which verifies with the libraries of the specification and of Svix. */
export class Endpoint {
  readonly received: ReceivedMessage[] = [];
  readonly unverified: string[] = [];
  /** Secrets that it knows; without any it takes every message. */
  secrets: string[] = [];
  /** Answers each message that is no challenge. */
  answer: (response: ServerResponse, message: ReceivedMessage) => void = (response) =>
    response.writeHead(204).end();
  /** Answers challenges; an endpoint that never asked for webhooks does not. */
  answersChallenges = true;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    await new Promise<void>((resolve) => endpoint.#server.listen(0, "127.0.0.1", resolve));
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    if (!this.#isVerified(request, body)) {
      this.unverified.push(body);
      response.writeHead(401).end();
      return;
    }
    const { type, version, data } = JSON.parse(body);
    if (type === "webhook.challenge") {
      response.end(this.answersChallenges ? data.challenge : "hello");
      return;
    }
    const message = {
      id: String(request.headers["webhook-id"]),
      timestamp: Number(request.headers["webhook-timestamp"]),
      type,
      version,
      data,
    };
    this.received.push(message);
    this.answer(response, message);
  }

  #isVerified(request: IncomingMessage, body: string): boolean {
    const headers = request.headers as Record<string, string>;
    return (
      this.secrets.length === 0 ||
      this.secrets.some((secret) => {
        try {
          new StandardWebhook(secret).verify(body, headers);
          new SvixWebhook(secret).verify(body, headers);
          return true;
        } catch {
          return false;
        }
      })
    );
  }
}
