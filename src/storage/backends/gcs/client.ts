import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import { httpConnector } from "../../contract/http-connector.js";
import { joinHttpPools } from "../../contract/http-pools.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import { bytesOf } from "../../contract/whole-body.js";
import { answerError } from "./answer-error.js";
import type { Identity } from "./identity.js";

export type Query = Readonly<Record<string, string | number | undefined>>;

/** Milliseconds in which a connection must be made. */
const connectMs = 10_000;
const maxConnections = 128;
/** Bytes of an answer that are read at most; a page of a thousand of the longest names has a few million. */
const maxAnswerBytes = 33_554_432;

/** One request of the JSON API. */
export interface Ask {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path below the endpoint, or a whole URL. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | Iterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
  /** A session of a resumable upload is its own proof. */
  readonly isAnonymous?: true;
  /** Statuses of 300 and more that are answers here, not errors. */
  readonly accepts?: readonly number[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly text: string;
}

/**
 * Speaks the documented JSON API (https://cloud.google.com/storage/docs/json_api). The SDK's own calls cannot be
 * aborted, so it is asked only for the proof of who calls.
 */
export class GcsClient {
  readonly endpoint: string;
  readonly #identity: Identity;
  readonly #agent = new Agent({ connections: maxConnections, connect: httpConnector(connectMs) });
  /** A separate pool for reads, so that a slow reader cannot block other requests. */
  readonly #downloads = new Agent({ connect: httpConnector(connectMs) });
  readonly #leavePools = joinHttpPools("gcs", maxConnections, () =>
    [this.#agent, this.#downloads].flatMap(({ stats }) => Object.values(stats)),
  );
  #isClosed = false;

  constructor(endpoint: string, identity: Identity) {
    this.endpoint = endpoint;
    this.#identity = identity;
  }

  /** The answer as text, for answers that are small. */
  async ask(ask: Ask): Promise<Answer> {
    const { statusCode: status, headers, body } = await this.#send(ask, this.#agent);
    return { status, headers, text: await textOf(body) };
  }

  /** The answer as JSON. */
  async json(ask: Ask): Promise<unknown> {
    return parseAnswer(await this.ask(ask));
  }

  /** The answer with a body that is still to come: read it or destroy it. */
  open(ask: Ask): Promise<Dispatcher.ResponseData> {
    return this.#send(ask, this.#downloads);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leavePools();
    await Promise.all([this.#agent.destroy(), this.#downloads.destroy()]);
  }

  async #send(ask: Ask, dispatcher: Agent): Promise<Dispatcher.ResponseData> {
    const url = urlOf(this.endpoint, ask);
    const proof = ask.isAnonymous ? {} : await this.#identity.headers(url, ask.signal);
    ask.signal?.throwIfAborted();
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    const response = await request(url, {
      dispatcher,
      method: ask.method,
      headers: { ...proof, ...ask.headers },
      body: sendable(ask.body),
      signal: ask.signal ?? null,
    });
    if (response.statusCode < 300 || ask.accepts?.includes(response.statusCode)) return response;
    throw await refusedBy(response);
  }
}

/** @throws ServiceError `unavailable` for an answer that something else gave. */
export function parseAnswer({ text }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw foreignAnswer();
  }
}

/** The error of an answer that is not the service's own. */
export function foreignAnswer(): ServiceError {
  return new ServiceError(
    "unavailable",
    "the service's answer is not JSON; look at STORAGE_GCS_ENDPOINT if it is set",
  );
}

function urlOf(endpoint: string, { path, query = {} }: Ask): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const url = path.startsWith("/") ? endpoint + path : path;
  return pairs.length === 0 ? url : `${url}?${pairs.join("&")}`;
}

function sendable(body: Ask["body"]): string | Uint8Array | Readable | null {
  if (body === undefined) return null;
  return typeof body === "string" || body instanceof Uint8Array
    ? body
    : Readable.from(body, { objectMode: false });
}

async function textOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const error = () => new ServiceError("unavailable", "the service's answer does not end");
  return (await bytesOf(body, { maxBytes: maxAnswerBytes, error })).toString("utf8");
}

async function refusedBy({
  statusCode: status,
  headers,
  body,
}: Dispatcher.ResponseData): Promise<ServiceError> {
  const text = await textOf(body).catch(() => "");
  const retryAfter = headers["retry-after"];
  return answerError({ status, retryAfter: typeof retryAfter === "string" ? retryAfter : undefined, text });
}
