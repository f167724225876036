import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as after } from "node:timers/promises";

/** What went wrong with one request. */
export type Failure = string;

/** Bytes of each upload. */
export const uploadBytes = 50_000;
const body = Buffer.alloc(uploadBytes, 7);

/** Clients of a service: quick requests over connections that are kept, slow uploads, slow downloads. */
export class RollingLoad {
  readonly failures: Failure[] = [];
  /** When each request began that failed, by `performance.now()`. */
  readonly lostSince: number[] = [];
  /** Quick requests that were started, and for how long. */
  offered = 0;
  offeredMs = 0;
  /** Paths of uploads that were acknowledged. */
  readonly stored = new Set<string>();
  readonly counts = { quick: 0, uploads: 0, downloads: 0 };
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 50 });
  readonly #running = new Set<Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #uploads = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Starts 300 quick requests a second, also where a timer comes late, and a slow one of each kind every 250 ms. */
  start(): void {
    const startedAt = performance.now();
    this.#timers.push(
      setInterval(() => {
        this.offeredMs = performance.now() - startedAt;
        for (; this.offered < this.offeredMs * 0.3; this.offered++) this.#track("quick", this.#quick());
      }, 10),
      setInterval(() => {
        this.#track("uploads", this.#upload());
        this.#track("downloads", this.#download());
      }, 250),
    );
  }

  /** Starts no more, and waits for those that run. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
    this.#agent.destroy();
  }

  #track(kind: keyof RollingLoad["counts"], call: Promise<void>): void {
    const startedAt = performance.now();
    const tracked = call
      .then(() => {
        this.counts[kind] += 1;
      })
      .catch((error: unknown) => {
        this.lostSince.push(startedAt);
        this.failures.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #quick(): Promise<void> {
    await this.#expect("GET", "/ping", undefined, (text) => text.includes("rolling"));
  }

  async #upload(): Promise<void> {
    const path = `/upload/${this.#uploads++ % 20}-${process.pid}.bin`;
    await this.#expect("PUT", path, pieces(), (text) => JSON.parse(text).size === body.byteLength);
    this.stored.add(path);
  }

  async #download(): Promise<void> {
    await this.#expect("GET", "/slow", undefined, (text) => text.length === 100_000);
  }

  async #expect(
    method: string,
    path: string,
    content: AsyncIterable<Buffer> | undefined,
    isRight: (text: string) => boolean,
  ): Promise<void> {
    const response = await this.#send(method, path, content);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    const text = Buffer.concat(parts).toString("latin1");
    if (response.statusCode !== 200)
      throw new Error(`${path} answered ${response.statusCode} ${text.slice(0, 200)}`);
    if (!response.complete || !isRight(text)) throw new Error(`${path} was cut after ${text.length} bytes`);
  }

  #send(method: string, path: string, content: AsyncIterable<Buffer> | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers =
        content === undefined
          ? {}
          : { "content-type": "application/octet-stream", "content-length": body.byteLength };
      const call = request(`${this.#url}${path}`, { method, agent: this.#agent, headers });
      call.once("response", resolve).once("error", reject);
      void feed(call, content).catch(reject);
    });
  }
}

async function feed(call: NodeJS.WritableStream, content: AsyncIterable<Buffer> | undefined): Promise<void> {
  if (content !== undefined) for await (const piece of content) call.write(piece);
  call.end();
}

/** The content in ten pieces over a second. */
async function* pieces(): AsyncGenerator<Buffer> {
  for (let start = 0; start < body.byteLength; start += 5000) {
    yield body.subarray(start, start + 5000);
    await after(100);
  }
}
