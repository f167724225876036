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
import { clampRange, type Span } from "../../contract/range.js";
import { AzureError, isFailure, refusal } from "./azure-error.js";
import { statOfAnswer } from "./blob-stat.js";
import { type AzureService, blobOf } from "./client.js";
import { quotedEtag } from "./conditions.js";
import { Incoming } from "./incoming.js";
import { OpenedBlob } from "./opened-blob.js";
import { statBlob } from "./stat.js";

/** Content of up to so many bytes comes in memory, so that nothing is held. */
const maxAtOnceBytes = 262_144;
/** How often the end of an object that is being replaced is looked for. */
const maxTurns = 5;

interface Answer {
  readonly stat: ObjectStat;
  readonly span: Span | undefined;
  readonly incoming: Incoming;
}

/** From a byte to another, both included; the service knows no range that counts from the end. */
type Bounds = Extract<ByteRange, { readonly start: number }>;

/** Opens an object or a part of it. */
export async function readBlob(
  service: AzureService,
  key: Key,
  options: ReadOptions & { readonly idleMs: number },
): Promise<OpenedObject> {
  const { range, ifMatch } = options;
  if (range === undefined || "start" in range) return open(service, key, { ...options, range, ifMatch });
  for (let turn = 1; ; turn++) {
    const stat = await statBlob(service, key, options);
    try {
      const span = clampRange(range, stat.size) ?? outside(stat.size);
      const bounds = { start: span.start, end: span.end - 1 };
      return await open(service, key, { ...options, range: bounds, ifMatch: ifMatch ?? stat.etag });
    } catch (error) {
      const isReplaced = ifMatch === undefined && isFailure(error, "precondition_failed");
      if (!isReplaced || turn === maxTurns) throw error;
    }
  }
}

type OpenOptions = CallOptions & {
  readonly range: Bounds | undefined;
  readonly ifMatch: string | undefined;
  readonly idleMs: number;
};

async function open(service: AzureService, key: Key, options: OpenOptions): Promise<OpenedObject> {
  const { stat, span, incoming } = await request(service, key, options);
  if (span === undefined) {
    incoming.cancel();
    return outside(stat.size);
  }
  const { start, end } = span;
  const reopen = async (from: number) => {
    const rest = { start: from, end: end - 1 };
    return (await request(service, key, { ...options, range: rest, ifMatch: stat.etag })).incoming;
  };
  const bytes = end - start <= maxAtOnceBytes ? await incoming.all(end - start) : undefined;
  return new OpenedBlob({ stat, start, end, bytes, incoming, reopen, signal: options.signal });
}

/** One request whose body is still to come. */
async function request(service: AzureService, key: Key, options: OpenOptions): Promise<Answer> {
  const { range, ifMatch, signal, idleMs } = options;
  const conditions = ifMatch === undefined ? {} : { ifMatch: quotedEtag(ifMatch) };
  const cancellation = new Cancellation(signal);
  try {
    const answer = await service.send(cancellation.signal, (container) =>
      blobOf(container, key).download(range?.start ?? 0, countOf(range), {
        abortSignal: cancellation.signal,
        conditions,
        maxRetryRequests: 0,
      }),
    );
    const incoming = new Incoming(bodyOf(answer.readableStreamBody), cancellation, idleMs);
    const size = sizeOf(answer);
    return { stat: statOfAnswer(key, answer, size), span: clampRange(range, size), incoming };
  } catch (error) {
    cancellation.cancel(error);
    throw error;
  }
}

function countOf(range: Bounds | undefined): number | undefined {
  return range?.end === undefined ? undefined : range.end - range.start + 1;
}

/** Of the whole blob, also where only a part is sent. */
function sizeOf({ contentRange, contentLength }: { contentRange?: string; contentLength?: number }): number {
  const whole = /\/([0-9]+)$/.exec(contentRange ?? "")?.[1];
  return whole === undefined ? (contentLength ?? 0) : Number(whole);
}

function bodyOf(body: NodeJS.ReadableStream | undefined): Readable {
  if (body instanceof Readable) return body;
  throw new AzureError("unknown", { explanation: "the service's answer has no body" });
}

function outside(size: number): never {
  throw refusal("invalid_range", `the range lies outside the object's ${size} bytes`);
}
