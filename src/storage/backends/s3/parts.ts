import type { Bytes } from "../../contract/backend.js";
import type { PiecePayload } from "./wire/payload.js";

/** A part of a stream. */
export interface Part {
  readonly payload: PiecePayload;
  readonly isLast: boolean;
}

const mebibyte = 1_048_576;

/** Bytes of a part, so that content of this size has no more parts than are allowed. */
export function partBytesFor(size: number | undefined, least: number, maxParts: number): number {
  const needed = Math.ceil((size ?? 0) / maxParts);
  return Math.max(least, Math.ceil(needed / mebibyte) * mebibyte);
}

/** The stream in parts of so many bytes, each a list of the pieces that came; at least one, which may be empty. */
export async function* partsOf(source: Bytes, partBytes: number): AsyncGenerator<Part> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.byteLength; ) {
      if (size === partBytes) {
        yield { payload: { size, pieces }, isLast: false };
        [pieces, size] = [[], 0];
      }
      const taken = piece.subarray(at, at + partBytes - size);
      pieces.push(taken);
      size += taken.byteLength;
      at += taken.byteLength;
    }
  }
  yield { payload: { size, pieces }, isLast: true };
}
