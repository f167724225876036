import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { checkGivenOptions, type OptionRules } from "../kernel/index.js";
import { checkedLookup, type Resolve, resolveBySystem } from "./checked-lookup.js";
import { ForeignError } from "./foreign-error.js";
import { hostOf, isAddress, parseForeignUrl } from "./foreign-url.js";
import { isPublicAddress } from "./public-address.js";
import { readBody } from "./response-body.js";

/** What a {@link ForeignClient} may do. */
export interface ForeignClientOptions {
  /** Whether `http:` is dialled too. Default: false. */
  readonly allowHttp?: boolean | undefined;
  /** Whether loopback, private and other special addresses are dialled: for development and tests. Default: false. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** Ports that may be dialled; `any` is for development and tests. Default: 443 and 8443, and 80 with `allowHttp`. */
  readonly ports?: readonly number[] | "any" | undefined;
  /** Redirects that a GET follows; each one is checked like the first URL. Default: 0, where a redirect is an answer. */
  readonly maxRedirects?: number;
  /** Most bytes of a response, after decoding. Default: 65,536. */
  readonly maxResponseBytes?: number;
  /** Milliseconds from the call to the last byte of the response. Default: 15,000. */
  readonly timeoutMs?: number | undefined;
  /** Resolves names. Default: the system. */
  readonly resolve?: Resolve;
}

/** One request to a foreign address. */
export interface ForeignRequest {
  /** Default: `GET`. */
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose content has not been read. */
export interface ForeignResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The decoded content, once. Ending the iteration early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Closes the connection without reading the content. */
  close(): void;
}

const rules: OptionRules<ForeignClientOptions> = {
  call: "new ForeignClient",
  kinds: {
    allowHttp: "boolean",
    allowPrivateAddresses: "boolean",
    ports: "array|string",
    maxRedirects: "number",
    maxResponseBytes: "number",
    timeoutMs: "number",
    resolve: "function",
  },
};

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * The one way to an address that a user of the service chose: the URL of a webhook, of a file to import. It reaches
 * public addresses only, dials the very address that it checked, uses no proxy of the environment, keeps no
 * connection, and ends in bounded time with a bounded number of bytes (OWASP SSRF Prevention; CWE-918).
 *
 * @example
 * const client = new ForeignClient({ timeoutMs: 15_000 });
 * const { status, close } = await client.request("https://example.com/hook", { method: "POST", body });
 * close();
 */
export class ForeignClient {
  readonly #options: {
    readonly [Name in keyof ForeignClientOptions]-?: NonNullable<ForeignClientOptions[Name]>;
  };
  readonly #permits: (address: string) => boolean;

  /** @throws ConfigurationError for an unknown option. */
  constructor(options: ForeignClientOptions = {}) {
    checkGivenOptions(options, rules);
    const { allowHttp = false, allowPrivateAddresses = false } = options;
    this.#options = {
      allowHttp,
      allowPrivateAddresses,
      ports: options.ports ?? (allowHttp ? [443, 8443, 80] : [443, 8443]),
      maxRedirects: options.maxRedirects ?? 0,
      maxResponseBytes: options.maxResponseBytes ?? 65_536,
      timeoutMs: options.timeoutMs ?? 15_000,
      resolve: options.resolve ?? resolveBySystem,
    };
    this.#permits = allowPrivateAddresses ? () => true : isPublicAddress;
  }

  /**
   * Checks what can be told of a URL without resolving its name.
   *
   * @returns the URL as it is dialled, in the one spelling that all spellings of it share.
   * @throws ForeignError (`url_refused`, `address_refused`)
   */
  checkUrl(target: string | URL): URL {
    return this.#parse(target);
  }

  /**
   * Sends one request.
   *
   * @throws ForeignError; its message may be shown to the user who chose the URL.
   */
  async request(target: string | URL, request: ForeignRequest = {}): Promise<ForeignResponse> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs);
    const { signal } = request;
    const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    try {
      const response = await this.#follow(this.#parse(target), request, either);
      return toResponse(response, this.#options.maxResponseBytes, (error) =>
        explain(error, deadline, signal),
      );
    } catch (error) {
      throw explain(error, deadline, signal);
    }
  }

  async #follow(url: URL, request: ForeignRequest, signal: AbortSignal): Promise<IncomingMessage> {
    let current = url;
    for (let left = this.#options.maxRedirects; ; left -= 1) {
      const response = await this.#send(current, request, signal);
      const location = redirectOf(response, request);
      if (this.#options.maxRedirects === 0 || location === undefined) return response;
      response.destroy();
      if (left === 0) throw new ForeignError("too_many_redirects", "the URL redirects too often");
      current = this.#parse(URL.canParse(location, current.href) ? new URL(location, current) : location);
    }
  }

  #parse(target: string | URL): URL {
    const url = parseForeignUrl(target, this.#options);
    const host = hostOf(url);
    if (isAddress(host) && !this.#permits(host)) {
      throw new ForeignError("address_refused", "the address of the URL is not a public one");
    }
    return url;
  }

  #send(url: URL, { method = "GET", headers, body }: ForeignRequest, signal: AbortSignal) {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise<IncomingMessage>((resolve, reject) => {
      const sent: ClientRequest = send(url, {
        method,
        headers: { "accept-encoding": "identity", ...headers, ...lengthOf(body) },
        agent: false,
        lookup: checkedLookup(this.#options.resolve, this.#permits),
        signal,
      });
      // A request whose connection becomes another protocol (101) ends without a response and without an error.
      const ended = () => reject(new Error("the connection ended before a response"));
      sent.on("response", resolve).on("error", reject).on("close", ended);
      sent.end(body);
    });
  }
}

function lengthOf(body: Uint8Array | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(body.byteLength) };
}

/** Where a GET is sent on to; a request with content is never repeated elsewhere. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, { method = "GET" }: ForeignRequest) {
  return method === "GET" && redirects.has(statusCode) ? headers.location : undefined;
}

function toResponse(
  response: IncomingMessage,
  maxBytes: number,
  explained: (error: unknown) => ForeignError,
): ForeignResponse {
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: withErrors(readBody(response, maxBytes), explained),
    close: () => response.destroy(),
  };
}

async function* withErrors(
  pieces: AsyncIterable<Uint8Array>,
  explained: (error: unknown) => ForeignError,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    throw explained(error);
  }
}

/** Refused connections, unknown and inner names and broken answers look alike: what differs could map the inner network. */
function explain(error: unknown, deadline: AbortSignal, signal: AbortSignal | undefined): ForeignError {
  if (error instanceof ForeignError) return error;
  if (signal?.aborted === true) return new ForeignError("aborted", "the call was aborted", { cause: error });
  if (deadline.aborted) {
    return new ForeignError("timeout", "the URL did not answer in time", { cause: error });
  }
  return new ForeignError("unreachable", "the URL could not be reached", { cause: error });
}
