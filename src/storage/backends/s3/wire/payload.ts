import type { Bytes } from "../../../contract/backend.js";

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

/** Whether the payload can be sent again. */
export function isReplayable(payload: Payload | undefined): boolean {
  return payload === undefined || "pieces" in payload;
}

/** A payload on its way out: knows whether all of it has left. */
export class RequestBody implements AsyncIterable<Uint8Array> {
  /** Bytes. */
  readonly size: number;
  readonly isEmpty: boolean;
  /** All of it, where it can leave at once. */
  readonly whole: Uint8Array | undefined;
  readonly #payload: Payload | undefined;
  readonly #onProgress: (() => void) | undefined;
  #isSent: boolean;

  constructor(payload: Payload | undefined, onProgress: (() => void) | undefined) {
    this.#payload = payload;
    this.#onProgress = onProgress;
    this.size = payload?.size ?? 0;
    this.isEmpty = this.size === 0 && (payload === undefined || "pieces" in payload);
    this.whole = payload !== undefined && this.size <= maxAtOnceBytes ? onlyPiece(payload) : undefined;
    this.#isSent = this.isEmpty || this.whole !== undefined;
  }

  /** Whether the service may have got all of it, once the request has begun. */
  get isSent(): boolean {
    return this.#isSent;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#payload === undefined) return;
    for await (const piece of "source" in this.#payload ? this.#payload.source : cutAll(this.#payload)) {
      yield piece;
      this.#onProgress?.();
    }
    this.#isSent = true;
  }
}

function* cutAll({ pieces }: PiecePayload): Generator<Uint8Array> {
  for (const piece of pieces) yield* cut(piece);
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  if (bytes.byteLength <= pieceBytes) return yield bytes;
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

function onlyPiece(payload: Payload): Uint8Array | undefined {
  return "pieces" in payload && payload.pieces.length === 1 ? payload.pieces[0] : undefined;
}
