import { createHash, getFips, type Hash, randomBytes } from "node:crypto";
import { abortable } from "../../contract/abortable.js";
import type { Body, Bytes, CallOptions, ObjectDescription, WriteConditions } from "../../contract/backend.js";
import { type Chunk, chunksOf, piecesFrom } from "./chunks.js";
import { classifyGcsError } from "./classify.js";
import type { Query, Service } from "./client.js";
import { committed } from "./committed.js";
import { GcsError } from "./gcs-error.js";
import { type ObjectResource, parseResource, resourceFields, toResource } from "./object-resource.js";
import { outgoing } from "./outgoing.js";
import { conditionQuery, type Paths } from "./paths.js";
import { ResumableSession } from "./resumable-session.js";

/** Bytes that are held at most before they go out; the service takes multiples of 256 KiB. */
const chunkBytes = 4 * 1_048_576;

export interface UploadOptions extends CallOptions, WriteConditions, ObjectDescription {}

/**
 * Sends content: at once with its description what fits into one chunk, the rest chunk by chunk in a resumable
 * session (https://cloud.google.com/storage/docs/uploads-downloads). Nothing is visible before the last byte came,
 * and the service compares the MD5 of the whole before it publishes.
 */
export class Uploader {
  readonly #service: Service;
  readonly #paths: Paths;
  readonly #endings = new Set<Promise<void>>();

  constructor(service: Service, paths: Paths) {
    this.#service = service;
    this.#paths = paths;
  }

  async upload(name: string, body: Body, options: UploadOptions): Promise<ObjectResource> {
    const query = { name, fields: resourceFields, ...conditionQuery(options) };
    options.signal?.throwIfAborted();
    // What can be read again is read for its checksum first, as a session wants its description before the bytes.
    if (body.bytes === undefined && body.replayable) await drain(abortable(body.open(), options.signal));
    const source = body.bytes === undefined ? body.open() : only(body.bytes);
    const chunks = chunksOf(abortable(source, options.signal), chunkBytes);
    try {
      const { value: first } = await chunks.next();
      if (first === undefined || first.isLast)
        return await this.#sendOnce(query, first?.pieces ?? [], body, options);
      return await this.#sendChunks(query, first, chunks, body, options);
    } finally {
      // Not waited for: a source that hangs would not let go.
      chunks.return().catch(() => undefined);
    }
  }

  /** Waits until sessions that were given up have been cancelled. */
  async close(): Promise<void> {
    await Promise.all(this.#endings);
  }

  async #sendOnce(
    query: Query,
    pieces: readonly Uint8Array[],
    body: Body,
    options: UploadOptions,
  ): Promise<ObjectResource> {
    const boundary = randomBytes(18).toString("base64url");
    const hash = hashOf(pieces);
    const resource = {
      ...toResource(options, body.checksum()),
      ...(hash !== undefined && { md5Hash: hash }),
    };
    const head = Buffer.from(
      `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n` +
        `--${boundary}\r\ncontent-type: ${options.contentType}\r\n\r\n`,
    );
    const parts = [head, ...pieces, Buffer.from(`\r\n--${boundary}--\r\n`)];
    const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
    return committed(options.signal, async (cancellation) =>
      parseResource(
        await this.#service.json({
          method: "POST",
          path: this.#paths.uploads,
          query: { uploadType: "multipart", ...query },
          headers: {
            "content-type": `multipart/related; boundary=${boundary}`,
            "content-length": String(size),
          },
          body: outgoing(piecesFrom(parts), cancellation, options),
          signal: cancellation.signal,
        }),
      ),
    );
  }

  async #sendChunks(
    query: Query,
    first: Chunk,
    rest: AsyncGenerator<Chunk, void, undefined>,
    body: Body,
    options: UploadOptions,
  ): Promise<ObjectResource> {
    const description = toResource(options, body.replayable ? body.checksum() : undefined);
    const opening = ResumableSession.open(this.#service, this.#paths, { query, description, ...options });
    const session = await opening.catch(uncommitted);
    try {
      return await sendAll(session, first, rest, options);
    } catch (error) {
      this.#giveUp(session);
      throw error;
    }
  }

  /** Nobody who gives up waits for this; a session whose end is not heard expires by itself. */
  #giveUp(session: ResumableSession): void {
    const ending = session.cancel().catch(() => undefined);
    this.#endings.add(ending);
    ending.finally(() => this.#endings.delete(ending));
  }
}

/** While a chunk is on its way, the next one is taken in. */
async function sendAll(
  session: ResumableSession,
  first: Chunk,
  rest: AsyncGenerator<Chunk, void, undefined>,
  options: CallOptions,
): Promise<ObjectResource> {
  const hash = newHash();
  let chunk = first;
  for (;;) {
    for (const piece of chunk.pieces) hash?.update(piece);
    if (chunk.isLast) return session.finish(chunk, hash?.digest("base64"), options);
    const next = rest.next();
    next.catch(() => undefined);
    await session.put(chunk, options).catch(uncommitted);
    const { value } = await next;
    if (value === undefined) throw new GcsError("unknown", "the source ended without a last chunk");
    chunk = value;
  }
}

/** Before the last chunk nothing can have been published, whatever happened. */
function uncommitted(error: unknown): never {
  const { code, message, retryAfterMs } = classifyGcsError(error);
  if (code === "unknown" || code === "aborted" || code === "timeout") throw error;
  throw new GcsError(code, message ?? "the upload was broken off", { retryAfterMs, applied: false });
}

async function* only(bytes: Uint8Array): Bytes {
  if (bytes.byteLength > 0) yield bytes;
}

async function drain(source: Bytes): Promise<void> {
  for await (const _ of source);
}

function hashOf(pieces: readonly Uint8Array[]): string | undefined {
  const hash = newHash();
  for (const piece of pieces) hash?.update(piece);
  return hash?.digest("base64");
}

/** MD5 finds damage on the way; where FIPS 140 forbids it the way has only TLS. */
function newHash(): Hash | undefined {
  return getFips() === 1 ? undefined : createHash("md5");
}
