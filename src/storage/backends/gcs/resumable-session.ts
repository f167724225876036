import type { CallOptions } from "../../contract/backend.js";
import { type Cancellation, committed } from "../../contract/cancellation.js";
import type { Chunk } from "../../contract/chunks.js";
import { isKnownAddress } from "../../contract/known-address.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { type Answer, type GcsClient, parseAnswer, type Query } from "./client.js";
import { type ObjectResource, parseResource } from "./object-resource.js";

export interface SessionOptions extends CallOptions {
  readonly query: Query;
  readonly description: object;
}

/** The service has these bytes, and waits for more. */
const incomplete = 308;
/** The service's word for an upload that was cancelled. */
const cancelled = 499;

const domains = ["googleapis.com"];

/** Milliseconds that a cancellation may take. */
const cancelMs = 10_000;

/** One resumable upload (https://cloud.google.com/storage/docs/performing-resumable-uploads). */
export class ResumableSession {
  readonly #client: GcsClient;
  readonly #uri: string;
  /** Bytes that the service has. */
  #offset = 0;

  private constructor(client: GcsClient, uri: string) {
    this.#client = client;
    this.#uri = uri;
  }

  static async open({ client, paths }: GcsAccess, options: SessionOptions): Promise<ResumableSession> {
    const { headers } = await client.ask({
      method: "POST",
      path: paths.uploads,
      query: { uploadType: "resumable", ...options.query },
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify(options.description),
      signal: options.signal,
    });
    const { location } = headers;
    return new ResumableSession(client, sessionUri(location, client.endpoint));
  }

  /** Sends a chunk that is not the last one. The service may keep less of it than it got. */
  async put(chunk: Chunk, options: CallOptions): Promise<void> {
    const start = this.#offset;
    const end = start + chunk.size;
    while (this.#offset < end) {
      const before = this.#offset;
      const answer = await this.#send(chunk, before - start, `bytes ${before}-${end - 1}/*`, options);
      this.#offset = offsetOf(answer);
      if (this.#offset <= before || this.#offset > end) {
        throw refusal("unavailable", "the service lost a part of the upload");
      }
    }
  }

  /** Sends the last chunk, which publishes the object, if the whole has this MD5 (base64). */
  async finish(chunk: Chunk, md5: string | undefined, options: CallOptions): Promise<ObjectResource> {
    const total = this.#offset + chunk.size;
    const range = chunk.size === 0 ? `bytes */${total}` : `bytes ${this.#offset}-${total - 1}/${total}`;
    return committed(options.signal, async (cancellation) => {
      const answer = await this.#send(chunk, 0, range, options, { cancellation, md5 });
      if (answer.status === incomplete) {
        throw refusal("unavailable", "the service lost a part of the upload");
      }
      const resource = parseResource(parseAnswer(answer));
      if (resource.size === total && (md5 === undefined || (resource.md5Hash ?? md5) === md5))
        return resource;
      throw new ServiceError("corrupt", "the service stored other content than was sent");
    });
  }

  /** Gives the session up, with all that the service has of it. */
  async cancel(): Promise<void> {
    await this.#client.ask({
      method: "DELETE",
      path: this.#uri,
      isAnonymous: true,
      accepts: [cancelled],
      signal: AbortSignal.timeout(cancelMs),
    });
  }

  #send(
    { pieces, size }: Chunk,
    skip: number,
    range: string,
    options: CallOptions,
    last?: { readonly cancellation: Cancellation; readonly md5: string | undefined },
  ): Promise<Answer> {
    return this.#client.ask({
      method: "PUT",
      path: this.#uri,
      headers: {
        "content-length": String(size - skip),
        "content-range": range,
        ...(last?.md5 !== undefined && { "x-goog-hash": `md5=${last.md5}` }),
      },
      body: sentPieces(moderatePieces(pieces, skip), {
        onProgress: options.onProgress,
        onLast: () => last?.cancellation.sent(),
      }),
      signal: last?.cancellation.signal ?? options.signal,
      isAnonymous: true,
      accepts: [incomplete],
    });
  }
}

/** The session URL is a bearer secret; only hosts of the service may receive it, over TLS. */
function sessionUri(location: unknown, endpoint: string): string {
  const uri = typeof location === "string" && URL.canParse(location) ? new URL(location) : undefined;
  if (uri === undefined) throw refusal("unavailable", "the service opened no upload session");
  if (isKnownAddress(uri, new URL(endpoint), domains)) return uri.href;
  throw refusal(
    "unavailable",
    "the service opened an upload session on a host that is not its own, or without TLS",
  );
}

/** Bytes that the service has, by the `Range` of its answer; without one it has none. */
function offsetOf({ status, headers }: Answer): number {
  const last = /^bytes=0-([0-9]+)$/.exec(String(headers.range ?? ""))?.[1];
  if (status !== incomplete)
    throw new ServiceError("unavailable", "the service took a part of the upload for all of it");
  return last === undefined ? 0 : Number(last) + 1;
}
