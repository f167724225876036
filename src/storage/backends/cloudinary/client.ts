import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import type { CallOptions } from "../../contract/backend.js";
import { committed } from "../../contract/cancellation.js";
import { httpConnector } from "../../contract/http-connector.js";
import { joinHttpPools } from "../../contract/http-pools.js";
import { isKnownAddress } from "../../contract/known-address.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import { bytesOf } from "../../contract/whole-body.js";
import type { CloudinaryAccount } from "./account.js";
import { answerError } from "./answer-error.js";
import { writeForm } from "./form.js";
import { loadSdk } from "./load-sdk.js";
import type { ResourceType } from "./public-id.js";

/** Parameters by name, before they are signed. */
export type Parameters = Readonly<Record<string, string>>;

/** A signed call of the Upload API. */
export interface UploadCall extends CallOptions {
  readonly path: `${ResourceType}/${"upload" | "destroy"}`;
  readonly parameters: Parameters;
  readonly file?: readonly Uint8Array[] | undefined;
  readonly headers?: Parameters | undefined;
  /** Whether it makes a change that other callers see. */
  readonly commits: boolean;
}

/** A call of the Admin API. */
export interface AdminCall extends CallOptions {
  readonly method: "GET" | "DELETE";
  /** Below `/v1_1/{cloud}/`, encoded. */
  readonly path: string;
  /** In the query of a GET, in the body of a DELETE. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Milliseconds in which a connection must be made. */
const connectMs = 10_000;
/** Bytes of an answer that are read at most; a page of 500 assets has a few million. */
const maxAnswerBytes = 64 * 1024 * 1024;
const maxRedirects = 3;
const domains = ["cloudinary.com"];

/** Sends requests to Cloudinary over connections that are kept. Every request is signed; none is retried. */
export class CloudinaryClient {
  readonly #account: CloudinaryAccount;
  readonly #agent: Agent;
  /** A separate pool for reads, so that a slow reader cannot block other requests. */
  readonly #downloads: Agent;
  readonly #leavePools: () => void;
  #isClosed = false;

  constructor(account: CloudinaryAccount, maxConnections: number) {
    this.#account = account;
    const connect = httpConnector(connectMs);
    this.#agent = new Agent({ connections: maxConnections, connect });
    this.#downloads = new Agent({ connect });
    const agents = [this.#agent, this.#downloads];
    this.#leavePools = joinHttpPools("cloudinary", maxConnections, () =>
      agents.flatMap(({ stats }) => Object.values(stats)),
    );
  }

  /** A call of the Upload API. @throws ServiceError when the service refuses it. */
  async upload({ path, parameters, file, headers, ...call }: UploadCall): Promise<unknown> {
    const form = writeForm({ fields: await this.signed(parameters), file });
    return committed(call.signal, async (cancellation) => {
      const onLast = () => call.commits && cancellation.sent();
      const pieces = sentPieces(moderatePieces(form.pieces), { onProgress: call.onProgress, onLast });
      const response = await this.#request(`${this.#base}/${path}`, {
        method: "POST",
        headers: { ...headers, "content-type": form.contentType, "content-length": String(form.size) },
        body: Readable.from(pieces, { objectMode: false }),
        signal: cancellation.signal,
      });
      return readJson(response);
    });
  }

  /** A call of the Admin API, which is counted by the hour. @throws ServiceError when the service refuses it. */
  async admin({ method, path, parameters, signal }: AdminCall): Promise<unknown> {
    const { apiKey, apiSecret } = this.#account;
    const encoded = encode(parameters);
    const authorization = `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString("base64")}`;
    const isGet = method === "GET";
    const target = `${this.#base}/${path}${isGet && encoded !== "" ? `?${encoded}` : ""}`;
    const form = isGet ? {} : { "content-type": "application/x-www-form-urlencoded" };
    const headers = { authorization, ...form };
    const response = await this.#request(target, {
      method,
      headers,
      body: isGet ? null : encoded,
      signal: signal ?? null,
    });
    return readJson(response);
  }

  /** The content behind a download address. @throws ServiceError when the service refuses it. */
  async download(
    url: string,
    headers: Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    let target = url;
    for (let turn = 0; turn <= maxRedirects; turn++) {
      const response = await this.#request(
        target,
        { method: "GET", headers, signal: signal ?? null },
        this.#downloads,
      );
      if (response.statusCode < 300) return response;
      const { location } = response.headers;
      if (response.statusCode >= 400 || typeof location !== "string") throw await failed(response);
      await response.body.dump();
      target = nextAddress(location, target);
    }
    throw new ServiceError("unavailable", "Cloudinary sends from one address to the next");
  }

  /** The address of a call of the Upload API that a GET can make. */
  async signedUrl(
    path: `${ResourceType}/download`,
    parameters: Parameters,
    signedAt: Date | undefined,
  ): Promise<string> {
    return `${this.#base}/${path}?${encode(Object.entries(await this.signed(parameters, signedAt)))}`;
  }

  /** The parameters with time, key and signature. The SDK signs: it knows what is escaped and what is left out. */
  async signed(parameters: Parameters, signedAt = new Date()): Promise<Parameters> {
    const { apiKey, apiSecret, signatureAlgorithm } = this.#account;
    const { utils } = await loadSdk();
    const sign: Sign = utils.api_sign_request;
    const timed = { ...parameters, timestamp: String(Math.floor(signedAt.getTime() / 1000)) };
    const signature = sign({ ...timed }, apiSecret, signatureAlgorithm, 2);
    return { ...timed, signature, api_key: apiKey };
  }

  /** Where a call of the Upload API is sent to. */
  urlOf(path: UploadCall["path"]): string {
    return `${this.#base}/${path}`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#leavePools();
    await Promise.all([this.#agent.destroy(), this.#downloads.destroy()]);
  }

  get #base(): string {
    return `${this.#account.endpoint}/v1_1/${this.#account.cloudName}`;
  }

  async #request(
    url: string,
    options: RequestOptions,
    dispatcher = this.#agent,
  ): Promise<Dispatcher.ResponseData> {
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    // Also for calls that are not signed: whether the package is there must not depend on the call.
    await loadSdk();
    return request(url, { ...options, dispatcher });
  }
}

type RequestOptions = Pick<Dispatcher.RequestOptions, "method" | "headers" | "body" | "signal">;

/** Where a redirect leads. @throws ServiceError for an address without TLS, or of a host that is not Cloudinary's. */
export function nextAddress(location: string, from: string): string {
  const next = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (next !== undefined && isKnownAddress(next, new URL(from), domains)) return next.href;
  throw new ServiceError("unavailable", "Cloudinary sends to an address that is not its own, or has no TLS");
}

async function readJson(response: Dispatcher.ResponseData): Promise<unknown> {
  if (response.statusCode !== 200) throw await failed(response);
  try {
    return JSON.parse(await readText(response));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ServiceError("unavailable", "Cloudinary's answer is no JSON");
  }
}

async function failed(response: Dispatcher.ResponseData): Promise<ServiceError> {
  const { statusCode: status, headers } = response;
  return answerError({ status, headers, text: await readText(response) });
}

async function readText({ body }: Dispatcher.ResponseData): Promise<string> {
  const error = () => new ServiceError("unavailable", "Cloudinary's answer does not end");
  return (await bytesOf(body, { maxBytes: maxAnswerBytes, error })).toString("utf8");
}

/** The SDK's type declarations omit the last two parameters. */
type Sign = (parameters: object, secret: string, algorithm: string, version: number) => string;

function encode(parameters: AdminCall["parameters"]): string {
  return parameters
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}
