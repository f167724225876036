import type { CallOptions, Failure } from "../../contract/backend.js";
import { type Cancellation, committed } from "../../contract/cancellation.js";
import { type Chunk, emptyChunk } from "../../contract/chunks.js";
import { isKnownAddress } from "../../contract/known-address.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { sendAgain } from "../../contract/send-again.js";
import { isFailure, refusal, ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { addressVariables } from "./answer-error.js";
import { type Answer, type GcsClient, parseAnswer, type Query } from "./client.js";
import { type ObjectResource, parseResource } from "./object-resource.js";

export interface SessionOptions extends CallOptions {
  readonly query: Query;
  readonly description: object;
}

/** The service has these bytes, and waits for more. */
const incomplete = 308;
/** The content was damaged on its way, or the session is gone: it takes no more. */
const refusesMore: ReadonlySet<number | undefined> = new Set([400, 404, 410]);
/** The service's word for an upload that was cancelled. */
const cancelled = 499;

const domains = ["googleapis.com"];

/** Milliseconds that a cancellation may take. */
const cancelMs = 10_000;

/** What ends the session with its last chunk. */
interface Ending {
  readonly cancellation: Cancellation;
  /** The checksum of the whole content, in base64. */
  readonly md5: string | undefined;
}

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
    const { signal } = options;
    const begin = () =>
      client.ask({
        method: "POST",
        path: paths.uploads,
        query: { uploadType: "resumable", ...options.query },
        headers: { "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify(options.description),
        signal,
      });
    // A session of which no answer came expires by itself.
    const { location } = (await sendAgain(begin, { signal, addressVariables })).headers;
    return new ResumableSession(client, sessionUri(location, client.endpoint));
  }

  /** Sends a chunk that is not the last one. */
  async put(chunk: Chunk, options: CallOptions): Promise<void> {
    const answer = await this.#deliver(chunk, options);
    if (answer.status !== incomplete)
      throw new ServiceError("unavailable", "the service took a part of the upload for all of it");
  }

  /** Sends the last chunk, which publishes the object, if the whole has this MD5 (base64). */
  async finish(chunk: Chunk, md5: string | undefined, options: CallOptions): Promise<ObjectResource> {
    const total = this.#offset + chunk.size;
    return committed(options.signal, async (cancellation) => {
      const answer = await this.#deliver(chunk, options, { cancellation, md5 });
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

  /** Sends all of a chunk: the service may keep less of it than it got, and then gets the rest. */
  async #deliver(chunk: Chunk, options: CallOptions, ending?: Ending): Promise<Answer> {
    const start = this.#offset;
    const end = start + chunk.size;
    for (;;) {
      const before = this.#offset;
      const answer = await this.#sendOrAsk(chunk, before - start, options, ending);
      if (answer.status !== incomplete) return answer;
      this.#offset = offsetOf(answer);
      if (this.#offset <= before || this.#offset > end)
        throw refusal("unavailable", "the service lost a part of the upload");
      if (this.#offset === end && ending === undefined) return answer;
    }
  }

  /**
   * Sends a chunk from `skip` on. After a failure that may pass the session is asked what it has: if that is no more than
   * before, the chunk is sent again.
   */
  #sendOrAsk(chunk: Chunk, skip: number, options: CallOptions, ending?: Ending): Promise<Answer> {
    const signal = ending?.cancellation.signal ?? options.signal;
    const end = this.#offset - skip + chunk.size;
    const total = ending === undefined ? "*" : String(end);
    const isRest = skip < chunk.size;
    const range = `bytes ${isRest ? `${this.#offset}-${end - 1}` : "*"}/${total}`;
    let doubt: unknown;
    const send = async () => {
      if (doubt !== undefined) {
        const asking = this.#send(emptyChunk, 0, `bytes */${total}`, options, ending);
        const answer = await asking.catch((error: unknown) => {
          // What became of the chunk is still not known, whatever became of the question.
          throw signal?.aborted || isFailure(error, "precondition_failed") ? error : doubt;
        });
        if (answer.status !== incomplete || offsetOf(answer) !== this.#offset) return answer;
      }
      try {
        return await this.#send(chunk, skip, range, options, ending);
      } catch (error) {
        doubt = error;
        throw error;
      }
    };
    const isRepeatable = (_: Failure, error: unknown) =>
      !(error instanceof ServiceError && refusesMore.has(error.status));
    return sendAgain(send, { signal, addressVariables, isRepeatable });
  }

  #send(
    { pieces, size }: Chunk,
    skip: number,
    range: string,
    { onProgress, signal }: CallOptions,
    ending: Ending | undefined,
  ): Promise<Answer> {
    const asking = this.#client.ask({
      method: "PUT",
      path: this.#uri,
      headers: {
        "content-length": String(size - skip),
        "content-range": range,
        ...(ending?.md5 !== undefined && { "x-goog-hash": `md5=${ending.md5}` }),
      },
      body: sentPieces(moderatePieces(pieces, skip), {
        onProgress,
        // A question comes behind a last byte that has gone, or has not.
        onLast: () => skip < size && ending?.cancellation.sent(),
      }),
      signal: ending?.cancellation.signal ?? signal,
      isAnonymous: true,
      accepts: [incomplete],
    });
    return asking.catch(goneIfNotFound);
  }
}

/** 404 is the answer to a session that has expired: no object is missing. */
function goneIfNotFound(error: unknown): never {
  if (!isFailure(error, "not_found")) throw error;
  const answer = { service: "Google Cloud Storage", status: 404 };
  throw new ServiceError("unavailable", "the upload session is gone", { answer, applied: false });
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
function offsetOf({ headers }: Answer): number {
  const last = /^bytes=0-([0-9]+)$/.exec(String(headers.range ?? ""))?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}
