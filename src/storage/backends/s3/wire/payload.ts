import type { Bytes } from "../../../contract/backend.js";
import { moderatePieces } from "../../../contract/request-body.js";

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

/** Text as a payload. */
export function textPayload(text: string): PiecePayload {
  const bytes = Buffer.from(text);
  return { size: bytes.byteLength, pieces: [bytes] };
}

/** Whether the payload can be sent again. */
export function isReplayable(payload: Payload | undefined): boolean {
  return payload === undefined || "pieces" in payload;
}

/** The body of a request while it is sent. */
export class RequestBody implements AsyncIterable<Uint8Array> {
  /** Bytes. */
  readonly size: number;
  readonly isEmpty: boolean;
  /** All of it, where it can be sent at once. */
  readonly whole: Uint8Array | undefined;
  /** Called when all of a body that is sent in pieces has been sent. */
  onSent: (() => void) | undefined;
  readonly #payload: Payload | undefined;
  readonly #onProgress: (() => void) | undefined;

  constructor(payload: Payload | undefined, onProgress: (() => void) | undefined) {
    this.#payload = payload;
    this.#onProgress = onProgress;
    this.size = payload?.size ?? 0;
    this.isEmpty = this.size === 0 && (payload === undefined || "pieces" in payload);
    this.whole = payload !== undefined && this.size <= maxAtOnceBytes ? onlyPiece(payload) : undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const payload = this.#payload;
    if (payload === undefined) return;
    for await (const piece of "source" in payload ? payload.source : moderatePieces(payload.pieces)) {
      yield piece;
      this.#onProgress?.();
    }
    this.onSent?.();
  }
}

function onlyPiece(payload: Payload): Uint8Array | undefined {
  return "pieces" in payload && payload.pieces.length === 1 ? payload.pieces[0] : undefined;
}
