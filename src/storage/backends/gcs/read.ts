import type { Dispatcher } from "undici";
import type { ObjectStat, OpenedObject, ReadOptions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { openedBytes } from "../../contract/opened.js";
import { type Span, spanIn } from "../../contract/range.js";
import { openedResponse, ResponseBody } from "../../contract/response-body.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import { bytesOf } from "../../contract/whole-body.js";
import type { GcsAccess } from "./access.js";
import { addressVariables } from "./answer-error.js";
import type { Query } from "./client.js";
import { conditionQuery } from "./conditions.js";
import { type ObjectResource, statOf } from "./object-resource.js";
import { describeObject } from "./stat.js";

/** Content of up to so many bytes comes in memory, so that no connection is held. */
const maxAtOnceBytes = 262_144;
/** Times that an object may change between its description and its content. */
const attempts = 5;

type Media = Dispatcher.ResponseData;

/** Opens one version. Description and content are asked for at once; if they are of two versions, one after the other. */
export async function readObject(access: GcsAccess, key: Key, options: ReadOptions): Promise<OpenedObject> {
  const query = conditionQuery({ ifAbsent: false, ifMatch: options.ifMatch });
  const opened = await readBoth(access, key, query, options);
  if (opened !== undefined) return opened;
  for (let attempt = 1; attempt < attempts; attempt++) {
    const late = await readInTurn(access, key, query, options);
    if (late !== undefined) return late;
  }
  throw new ServiceError("unavailable", "the object changes faster than it can be opened");
}

/** All of a small object of any name, as text. */
export async function readText(
  { client, paths }: GcsAccess,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  return (await client.ask({ method: "GET", path: paths.object(name), query: { alt: "media" }, signal }))
    .text;
}

async function readBoth(
  access: GcsAccess,
  key: Key,
  query: Query,
  options: ReadOptions,
): Promise<OpenedObject | undefined> {
  const [described, media] = await Promise.allSettled([
    describeObject(access, key, options.signal, query),
    openMedia(access, key, query, options),
  ]);
  try {
    if (described.status === "rejected") throw described.reason;
    const span = spanIn(options.range, described.value.size);
    if (media.status === "rejected" && !isStale(media.reason)) throw media.reason;
    if (media.status === "fulfilled" && isOf(described.value, media.value))
      return await opened(access, statOf(key, described.value), span, media.value, options);
  } catch (error) {
    if (media.status === "fulfilled") release(media.value.body);
    throw error;
  }
  if (media.status === "fulfilled") release(media.value.body);
  return undefined;
}

async function readInTurn(
  access: GcsAccess,
  key: Key,
  query: Query,
  options: ReadOptions,
): Promise<OpenedObject | undefined> {
  const described = await describeObject(access, key, options.signal, query);
  const span = spanIn(options.range, described.size);
  try {
    const media = await openMedia(access, key, { generation: described.generation }, options);
    if (!isOf(described, media)) {
      release(media.body);
      return undefined;
    }
    return await opened(access, statOf(key, described), span, media, options);
  } catch (error) {
    if (isStale(error)) return undefined;
    throw error;
  }
}

function openMedia(
  { client, paths }: GcsAccess,
  key: Key,
  query: Query,
  { range, signal }: Pick<ReadOptions, "range" | "signal">,
): Promise<Media> {
  return client.open({
    method: "GET",
    path: paths.object(key),
    query: { alt: "media", ...query },
    // Otherwise the service would unpack what was stored packed, and its size would be another one.
    headers: { "accept-encoding": "gzip", ...(range !== undefined && { range: headerOf(range) }) },
    signal,
  });
}

/**
 * Whether content is of the version that was described.
 *
 * @throws ServiceError `unavailable` where the answer does not tell its version, and so never will match.
 */
function isOf({ generation }: ObjectResource, { headers, body }: Media): boolean {
  const { "x-goog-generation": own } = headers;
  if (own !== undefined) return own === generation;
  release(body);
  const message = `the content came without the header x-goog-generation, which tells its version; look at ${addressVariables}`;
  throw new ServiceError("unavailable", message);
}

/** True when the content is not of the version that was described: it was replaced or deleted meanwhile. */
function isStale(error: unknown): boolean {
  return isFailure(error, "not_found") || isFailure(error, "invalid_range");
}

function headerOf(range: NonNullable<ReadOptions["range"]>): string {
  return "suffix" in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ""}`;
}

async function opened(
  access: GcsAccess,
  stat: ObjectStat,
  span: Span,
  media: Media,
  { signal }: ReadOptions,
): Promise<OpenedObject> {
  checkSpan(stat, span, media);
  const size = span.end - span.start;
  if (size <= maxAtOnceBytes) {
    const error = () => new ServiceError("unavailable", "the body is longer than what was asked for");
    const bytes = await bytesOf(media.body, { maxBytes: size, error });
    if (bytes.byteLength === size) return openedBytes(stat, span, bytes);
    throw new ServiceError("unavailable", "the body ended before all of it had come");
  }
  const { idleMs } = access;
  const reopen = async (start: number) => {
    const rest = { start, end: span.end };
    const range = { start, end: span.end - 1 };
    const again = await openMedia(access, stat.key, { generation: stat.etag }, { range, signal });
    checkSpan(stat, rest, again);
    return new ResponseBody(again.body, { idleMs });
  };
  return openedResponse(stat, span, new ResponseBody(media.body, { idleMs }), reopen, signal);
}

/** The service may ignore a range and answer with everything. */
function checkSpan(stat: ObjectStat, span: Span, { statusCode, headers, body }: Media): void {
  const isWhole = span.start === 0 && span.end === stat.size;
  const sent = /^bytes ([0-9]+)-([0-9]+)\//.exec(String(headers["content-range"] ?? ""));
  const isSent = Number(sent?.[1]) === span.start && Number(sent?.[2]) + 1 === span.end;
  if (statusCode === 206 ? isSent : isWhole) return;
  release(body);
  throw new ServiceError("unavailable", "the service gave another range than was asked for");
}

/** Closes the connection unless all has come; errors after that do not matter. */
function release(body: Media["body"]): void {
  body.on("error", () => undefined).destroy();
}
