import type { Bytes } from "../../backend.js";

/** What a request sends. */
export type Payload = PiecePayload | StreamPayload;

/** Content in memory, which can be sent again. */
export interface PiecePayload {
  /** Bytes. */
  readonly size: number;
  readonly pieces: readonly Uint8Array[];
}

/** Content that streams by once. */
export interface StreamPayload {
  /** Bytes. */
  readonly size: number;
  readonly source: Bytes;
}

/** Larger content is sent in pieces, so that it is seen to move and can be stopped. */
const maxAtOnceBytes = 1_048_576;
const pieceBytes = 262_144;

/** Text as a payload. */
export function textPayload(text: string): PiecePayload {
  const bytes = Buffer.from(text);
  return { size: bytes.byteLength, pieces: [bytes] };
}

/** What was to be sent again can be. */
export function isReplayable(payload: Payload | undefined): boolean {
  return payload === undefined || "pieces" in payload;
}

/** A payload on its way out: knows whether all of it has left. */
export class Outgoing implements AsyncIterable<Uint8Array> {
  readonly #payload: Payload | undefined;
  readonly #onProgress: (() => void) | undefined;
  #isSent = false;

  constructor(payload: Payload | undefined, onProgress: (() => void) | undefined) {
    this.#payload = payload;
    this.#onProgress = onProgress;
  }

  /** Bytes, for a payload that leaves in pieces. */
  get size(): number {
    return this.#payload?.size ?? 0;
  }

  /** All of it, where it can leave at once. */
  get whole(): Uint8Array | undefined {
    const { pieces } = { pieces: undefined, ...this.#payload };
    return pieces?.length === 1 && this.size <= maxAtOnceBytes ? pieces[0] : undefined;
  }

  get isEmpty(): boolean {
    return this.size === 0 && (this.#payload === undefined || "pieces" in this.#payload);
  }

  /** Whether the service may have got all of it, once the request has begun. */
  get isSent(): boolean {
    return this.#isSent || this.isEmpty || this.whole !== undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of this.#pieces()) {
      yield piece;
      this.#onProgress?.();
    }
    this.#isSent = true;
  }

  async *#pieces(): Bytes {
    if (this.#payload === undefined) return;
    if ("source" in this.#payload) return yield* this.#payload.source;
    for (const piece of this.#payload.pieces) yield* cut(piece);
  }
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
