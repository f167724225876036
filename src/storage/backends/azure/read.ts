import { Readable } from "node:stream";
import type {
  ByteRange,
  CallOptions,
  ObjectStat,
  OpenedObject,
  ReadOptions,
} from "../../contract/backend.js";
import { Cancellation } from "../../contract/cancellation.js";
import type { Key } from "../../contract/key.js";
import { openedBytes, piecesOf } from "../../contract/opened.js";
import { type Span, spanIn } from "../../contract/range.js";
import { openedResponse, ResponseBody } from "../../contract/response-body.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import { bytesOf } from "../../contract/whole-body.js";
import type { AzureAccess } from "./access.js";
import { knownSize, statOfAnswer, unknownSize } from "./blob-stat.js";
import { blobOf } from "./client.js";
import { quotedEtag } from "./conditions.js";
import { statObject } from "./stat.js";

/** Content of up to so many bytes comes in memory, so that no connection is held. */
const maxAtOnceBytes = 262_144;
/** How often the end of an object that is being replaced is looked for. */
const maxTurns = 5;

interface Answer {
  readonly stat: ObjectStat;
  readonly body: ResponseBody;
}

/** From a byte to another, both included; the service knows no range that counts from the end. */
type Bounds = Extract<ByteRange, { readonly start: number }>;

/** Opens an object or a part of it. */
export async function readObject(access: AzureAccess, key: Key, options: ReadOptions): Promise<OpenedObject> {
  const { range, ifMatch } = options;
  if (range === undefined || "start" in range) return open(access, key, { ...options, range, ifMatch });
  for (let turn = 1; ; turn++) {
    const stat = await statObject(access, key, options);
    try {
      const span = spanIn(range, stat.size);
      const bounds = { start: span.start, end: span.end - 1 };
      return await open(access, key, { ...options, range: bounds, ifMatch: ifMatch ?? stat.etag });
    } catch (error) {
      const isReplaced = ifMatch === undefined && isFailure(error, "precondition_failed");
      if (!isReplaced || turn === maxTurns) throw error;
    }
  }
}

type OpenOptions = CallOptions & {
  readonly range: Bounds | undefined;
  readonly ifMatch: string | undefined;
};

async function open(access: AzureAccess, key: Key, options: OpenOptions): Promise<OpenedObject> {
  const { stat, body } = await request(access, key, options);
  const span = await spanOrClose(options.range, stat.size, body);
  const { start, end } = span;
  const reopen = async (from: number) => {
    const rest = { start: from, end: end - 1 };
    return (await request(access, key, { ...options, range: rest, ifMatch: stat.etag })).body;
  };
  if (end - start <= maxAtOnceBytes) return openedBytes(stat, span, await readWhole(body, end - start));
  return openedResponse(stat, span, body, reopen, options.signal);
}

async function spanOrClose(range: Bounds | undefined, size: number, body: ResponseBody): Promise<Span> {
  try {
    return spanIn(range, size);
  } catch (error) {
    await body.close();
    throw error;
  }
}

/** One request whose body is still to come. */
async function request(access: AzureAccess, key: Key, options: OpenOptions): Promise<Answer> {
  const { range, ifMatch, signal } = options;
  const conditions = ifMatch === undefined ? {} : { ifMatch: quotedEtag(ifMatch) };
  const cancellation = new Cancellation(signal);
  try {
    const answer = await access.client.send(cancellation.signal, (container) =>
      blobOf(container, key).download(range?.start ?? 0, countOf(range), {
        abortSignal: cancellation.signal,
        conditions,
        maxRetryRequests: 0,
      }),
    );
    const body = new ResponseBody(bodyOf(answer.readableStreamBody), {
      idleMs: access.idleMs,
      cancel: () => cancellation.cancel(new Error("the body is not read to its end")),
      finish: () => cancellation.end(),
      errorOf: (error) => reasonOf(error, cancellation),
    });
    return { stat: statOfAnswer(key, answer, sizeOf(answer)), body };
  } catch (error) {
    cancellation.cancel(error);
    // The SDK's word for an answer without a length: the offsets that it was given are checked.
    throw error instanceof RangeError ? unknownSize() : error;
  }
}

/** The SDK tells of a connection that broke as if the caller had stopped it. */
function reasonOf(error: unknown, cancellation: Cancellation): unknown {
  const { signal } = cancellation;
  cancellation.end();
  return signal.aborted ? signal.reason : endedEarly(error);
}

async function readWhole(body: ResponseBody, size: number): Promise<Buffer<ArrayBuffer>> {
  const error = () => new ServiceError("unavailable", "the body is longer than what was asked for");
  const bytes = await bytesOf(piecesOf(body), { maxBytes: size, error });
  if (bytes.byteLength !== size) throw endedEarly(undefined);
  return bytes;
}

/** The failure of a body that does not come to its end. */
export function endedEarly(error: unknown): ServiceError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : "IncompleteBody";
  return new ServiceError("unavailable", undefined, { reason });
}

function countOf(range: Bounds | undefined): number | undefined {
  return range?.end === undefined ? undefined : range.end - range.start + 1;
}

/** The size of the whole blob, also where only a part is sent. */
function sizeOf({ contentRange, contentLength }: { contentRange?: string; contentLength?: number }): number {
  const whole = /\/([0-9]+)$/.exec(contentRange ?? "")?.[1];
  return whole === undefined ? knownSize(contentLength) : Number(whole);
}

function bodyOf(body: NodeJS.ReadableStream | undefined): Readable {
  if (body instanceof Readable) return body;
  throw new ServiceError("unknown", "the service's answer has no body");
}
