import type { Dispatcher } from "undici";
import type { ObjectStat, OpenedObject, ReadOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { clampRange, type Span } from "../../contract/range.js";
import type { Query, Service } from "./client.js";
import { GcsError } from "./gcs-error.js";
import { type ObjectResource, parseResource, resourceFields, statOf } from "./object-resource.js";
import { OpenedMedia, release } from "./opened-media.js";
import { conditionQuery, type Paths } from "./paths.js";

/** What is not larger comes in memory, and holds no connection. */
const maxAtOnceBytes = 262_144;
/** Times that an object may change between its description and its content. */
const attempts = 5;

type Media = Dispatcher.ResponseData;

/** Opens objects: description and content of one version. */
export class Reader {
  readonly #service: Service;
  readonly #paths: Paths;

  constructor(service: Service, paths: Paths) {
    this.#service = service;
    this.#paths = paths;
  }

  async stat(name: string, signal: AbortSignal | undefined, query: Query = {}): Promise<ObjectResource> {
    return parseResource(
      await this.#service.json({
        method: "GET",
        path: this.#paths.object(name),
        query: { ...query, fields: resourceFields },
        signal,
      }),
    );
  }

  /** All of a small object, as text. */
  async text(name: string, signal: AbortSignal | undefined): Promise<string> {
    const query = { alt: "media" };
    return (await this.#service.ask({ method: "GET", path: this.#paths.object(name), query, signal })).text;
  }

  /** Both are asked for at once; when they turn out to be of two versions, one after the other. */
  async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const query = conditionQuery({ ifAbsent: false, ifMatch: options.ifMatch });
    const opened = await this.#readBoth(key, query, options);
    if (opened !== undefined) return opened;
    for (let attempt = 1; attempt < attempts; attempt++) {
      const late = await this.#readInTurn(key, query, options);
      if (late !== undefined) return late;
    }
    throw new GcsError("unavailable", "the object changes faster than it can be opened");
  }

  async #readBoth(key: Key, query: Query, options: ReadOptions): Promise<OpenedObject | undefined> {
    const [described, media] = await Promise.allSettled([
      this.stat(key, options.signal, query),
      this.#media(key, query, options),
    ]);
    try {
      if (described.status === "rejected") throw described.reason;
      const span = spanOf(described.value, options);
      if (media.status === "rejected" && !isStale(media.reason)) throw media.reason;
      const isSame =
        media.status === "fulfilled" &&
        media.value.headers["x-goog-generation"] === described.value.generation;
      if (isSame) return await opened(statOf(key, described.value), span, media.value);
    } catch (error) {
      if (media.status === "fulfilled") release(media.value.body);
      throw error;
    }
    if (media.status === "fulfilled") release(media.value.body);
    return undefined;
  }

  async #readInTurn(key: Key, query: Query, options: ReadOptions): Promise<OpenedObject | undefined> {
    const described = await this.stat(key, options.signal, query);
    const span = spanOf(described, options);
    try {
      const media = await this.#media(key, { generation: described.generation }, options);
      return await opened(statOf(key, described), span, media);
    } catch (error) {
      if (isStale(error)) return undefined;
      throw error;
    }
  }

  #media(key: Key, query: Query, { range, signal }: ReadOptions): Promise<Media> {
    return this.#service.open({
      method: "GET",
      path: this.#paths.object(key),
      query: { alt: "media", ...query },
      // Otherwise the service would unpack what somebody stored packed, and its size would be another one.
      headers: { "accept-encoding": "gzip", ...(range !== undefined && { range: headerOf(range) }) },
      signal,
    });
  }
}

/** True when the content is not of the version that was described: it was replaced or deleted meanwhile. */
function isStale(error: unknown): boolean {
  return error instanceof GcsError && (error.code === "not_found" || error.code === "invalid_range");
}

function spanOf({ size }: ObjectResource, { range }: ReadOptions): Span {
  const span = clampRange(range, size);
  if (span !== undefined) return span;
  throw new GcsError("invalid_range", `the range lies outside the object's ${size} bytes`, {
    applied: false,
  });
}

function headerOf(range: NonNullable<ReadOptions["range"]>): string {
  return "suffix" in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ""}`;
}

async function opened(
  stat: ObjectStat,
  span: Span,
  { statusCode, headers, body }: Media,
): Promise<OpenedObject> {
  const isWhole = span.start === 0 && span.end === stat.size;
  const sent = /^bytes ([0-9]+)-([0-9]+)\//.exec(String(headers["content-range"] ?? ""));
  const isRight =
    statusCode === 206 ? Number(sent?.[1]) === span.start && Number(sent?.[2]) + 1 === span.end : isWhole;
  if (!isRight) {
    release(body);
    throw new GcsError("unavailable", "the service gave another range than was asked for");
  }
  if (span.end - span.start > maxAtOnceBytes) return new OpenedMedia(stat, span, body);
  return new OpenedAtOnce(stat, span, new Uint8Array(await body.arrayBuffer()));
}

/** Bytes that have come already. */
class OpenedAtOnce implements OpenedObject {
  readonly stat: ObjectStat;
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(stat: ObjectStat, { start, end }: Span, bytes: Uint8Array<ArrayBuffer>) {
    this.stat = stat;
    this.start = start;
    this.end = end;
    this.bytes = bytes;
  }

  get body(): OpenedObject["body"] {
    return this.#pieces();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async *#pieces(): OpenedObject["body"] {
    if (this.bytes.byteLength > 0) yield this.bytes;
  }
}
