import { createHash } from "node:crypto";
import { type Dispatcher, Pool } from "undici";
import { unlessAborted } from "../../../contract/abortable.js";
import type { LazyUrl, SignOptions } from "../../../contract/backend.js";
import { httpConnector } from "../../../contract/http-connector.js";
import { joinHttpPools } from "../../../contract/http-pools.js";
import { encodePath, encodeQuery } from "../../../contract/percent-encoding.js";
import { refusal, type ServiceError } from "../../../contract/service-error.js";
import type { CredentialSource, S3Credentials } from "../credentials/credentials.js";
import { malformedAnswer } from "./answer-document.js";
import { errorOf, regionIn } from "./answer-error.js";
import { BodyStream } from "./body-stream.js";
import { Exchange, type OpenResponse, type S3Response } from "./exchange.js";
import type { BucketAddress, BucketLocation } from "./location.js";
import { isReplayable, type Payload, RequestBody } from "./payload.js";
import { type SigningClock, type SigningTime, signingTime } from "./signing-time.js";
import { type Headers, RequestSigner, unsignedPayload } from "./sigv4.js";

/** What is asked of the service. */
export interface S3Call {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** The bucket itself without one. */
  readonly key?: string | undefined;
  readonly query?: readonly (readonly [name: string, value: string])[] | undefined;
  /** By name in lower case. */
  readonly headers?: Headers | undefined;
  readonly payload?: Payload | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress?: (() => void) | undefined;
  /** Whether others see what it does: when it has left it is waited for, whatever the signal says. */
  readonly commits?: boolean | undefined;
}

export interface S3ClientOptions {
  readonly location: BucketLocation;
  readonly credentials: CredentialSource;
  readonly clock: SigningClock;
  /** Whether payloads are hashed and the hash is signed. */
  readonly signsPayloads: boolean;
  readonly maxConnections: number;
  /** Milliseconds that a reader may let the service wait. */
  readonly idleMs: number;
}

/** Milliseconds in which a connection must be made. */
const connectMs = 10_000;

/** Sends signed requests to one bucket, over connections that are kept. */
export class S3Client {
  readonly #options: S3ClientOptions;
  readonly #signer = new RequestSigner();
  readonly #pools = new Map<string, Pool>();
  #leavePools: () => void = () => undefined;
  #isClosed = false;
  #isBucketSeen = false;

  constructor(options: S3ClientOptions) {
    this.#options = options;
  }

  /** Whether the service has said yes to anything yet. */
  get isBucketSeen(): boolean {
    return this.#isBucketSeen;
  }

  /** The whole answer. @throws ServiceError when the service refuses it. */
  async send(call: S3Call): Promise<S3Response> {
    return whole(await this.#ask(call, false));
  }

  /** The answer, with a body that may still be arriving. @throws ServiceError when the service refuses it. */
  open(call: S3Call): Promise<OpenResponse> {
    return this.#ask(call, true);
  }

  /**
   * A URL that may be used without keys. It ends with the keys that sign it, if that is before `expiresAt`.
   *
   * @param headers - must be sent along as they are.
   */
  async presign(
    method: "GET" | "PUT",
    key: string,
    query: S3Call["query"],
    headers: Headers,
    { signedAt, expiresAt }: Pick<SignOptions, "signedAt" | "expiresAt">,
  ): Promise<LazyUrl> {
    const { location, clock } = this.#options;
    const credentials = await this.#options.credentials.until(expiresAt);
    const end = earlier(expiresAt, credentials.expiration);
    const { origin, host, basePath, region } = location.address;
    const path = `${basePath}/${encodePath(key)}`;
    const request = { method, path, query: encodeQuery(query ?? []), headers: { ...headers, host } };
    const time = signedAt === undefined ? clock.read() : signingTime(signedAt.getTime());
    const by = { credentials, region, time };
    return () => `${origin}${path}?${this.#signer.signQuery(request, secondsUntil(end, time), by)}`;
  }

  /** A request that removes something, which is answered without a document. @throws ServiceError when it fails. */
  async remove(call: S3Call): Promise<void> {
    const { body } = await this.send(call);
    if (body.byteLength > 0) throw malformedAnswer();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#leavePools();
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }

  /** The call is made again where the service says that the bucket is, or with other keys when they have expired. */
  async #ask(call: S3Call, streams: boolean): Promise<OpenResponse> {
    const { location } = this.#options;
    const { address } = location;
    const used = await this.#credentials(call.signal);
    const first = await this.#exchange(call, streams, address, used);
    if (isYes(first)) return this.#note(first);
    const refused = whole(first);
    const error = errorOf(refused);
    const isOther = this.#isMoved(refused, address) || this.#isRenewed(call, error, used);
    if (!isOther || !isReplayable(call.payload)) throw error;
    const again = await unlessAborted(() => this.#options.credentials.get(), call.signal);
    const second = await this.#exchange(call, streams, location.address, again);
    if (isYes(second)) return this.#note(second);
    throw errorOf(whole(second));
  }

  #note(response: OpenResponse): OpenResponse {
    this.#isBucketSeen = true;
    return response;
  }

  /** Several calls may go to the old address at once; the first answer corrects it for all. */
  #isMoved(refused: S3Response, { region: asked }: BucketAddress): boolean {
    const { status } = refused;
    const region = regionIn(refused);
    const isRedirect = status === 301 || status === 307 || status === 400;
    if (!isRedirect || region === undefined || region === asked) return false;
    const { location } = this.#options;
    return location.moveTo(region) || location.address.region === region;
  }

  /** An answer to HEAD has no body that could say it. A 403 is no sign of it: AWS tells so of objects that are not there. */
  #isRenewed({ method }: S3Call, { reason = "", status }: ServiceError, used: S3Credentials): boolean {
    const isExpired = reason === "ExpiredToken";
    const isUntold = method === "HEAD" && reason === "" && status === 400 && used.sessionToken !== undefined;
    return (isExpired || isUntold) && this.#options.credentials.expire(used, isExpired);
  }

  async #credentials(signal: AbortSignal | undefined): Promise<S3Credentials> {
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    const { credentials } = this.#options;
    return credentials.current() ?? (await unlessAborted(() => credentials.get(), signal));
  }

  async #exchange(
    call: S3Call,
    streams: boolean,
    address: BucketAddress,
    credentials: S3Credentials,
  ): Promise<OpenResponse> {
    if (this.#isClosed) throw refusal("unavailable", "the storage has been closed");
    const { idleMs } = this.#options;
    const requestBody = new RequestBody(call.payload, call.onProgress);
    const request = this.#sign(call, address, credentials, requestBody);
    const { signal, onProgress, commits = false } = call;
    return Exchange.run(this.#pool(address), request, {
      body: requestBody,
      signal,
      onProgress,
      streams,
      commits,
      idleMs,
    });
  }

  #sign(
    call: S3Call,
    { host, basePath, region }: BucketAddress,
    credentials: S3Credentials,
    requestBody: RequestBody,
  ): Dispatcher.DispatchOptions {
    const path = call.key === undefined ? basePath || "/" : `${basePath}/${encodePath(call.key)}`;
    const query = call.query === undefined ? "" : encodeQuery(call.query);
    const { method } = call;
    const headers: Headers = { ...call.headers, host };
    const by = { credentials, region, time: this.#options.clock.read() };
    this.#signer.addHeaders({ method, path, query, headers }, this.#hashOf(call.payload), by);
    const target = query === "" ? path : `${path}?${query}`;
    if (requestBody.isEmpty) return { method, path: target, headers };
    const { whole: body } = requestBody;
    if (body !== undefined) return { method, path: target, headers, body };
    headers["content-length"] = String(requestBody.size);
    return { method, path: target, headers, body: iterable(requestBody) };
  }

  #hashOf(payload: Payload | undefined): string {
    if (!this.#options.signsPayloads || (payload !== undefined && "source" in payload))
      return unsignedPayload;
    const hash = createHash("sha256");
    for (const piece of payload?.pieces ?? []) hash.update(piece);
    return hash.digest("hex");
  }

  #pool({ origin }: BucketAddress): Pool {
    const known = this.#pools.get(origin);
    if (known !== undefined) return known;
    const { maxConnections } = this.#options;
    const pool = new Pool(origin, {
      connections: maxConnections,
      connect: httpConnector(connectMs),
    });
    this.#leavePools();
    this.#pools.set(origin, pool);
    this.#leavePools = joinHttpPools("s3", maxConnections, () =>
      [...this.#pools.values()].map(({ stats }) => stats),
    );
    return pool;
  }
}

/** undici takes any iterable; its types do not say so. */
function iterable(requestBody: RequestBody): NonNullable<Dispatcher.DispatchOptions["body"]> {
  return requestBody as unknown as Uint8Array;
}

function isYes({ status }: OpenResponse): boolean {
  return status < 300;
}

function whole(response: OpenResponse): S3Response {
  if (isWhole(response)) return response;
  throw new Error("a body that streams was not asked for");
}

function isWhole(response: OpenResponse): response is S3Response {
  return !(response.body instanceof BodyStream);
}

function earlier(a: Date, b: Date | undefined): Date {
  return b !== undefined && b < a ? b : a;
}

/** S3 counts from the time of the signature, and takes seven days at most. */
function secondsUntil(expiresAt: Date, { seconds }: SigningTime): number {
  return Math.min(Math.max(Math.floor(expiresAt.getTime() / 1000) - seconds, 1), 604_800);
}
