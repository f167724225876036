import type { Bytes } from "../../contract/backend.js";

/** A run of a source's bytes. */
export interface Chunk {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  /** Only the last one may be of another size, or empty. */
  readonly isLast: boolean;
}

/**
 * Cuts a source into chunks of exactly `chunkBytes` but for the last. Which one is the last is known only when the
 * source has ended, so a full chunk waits for the byte behind it.
 */
export async function* chunksOf(source: Bytes, chunkBytes: number): AsyncGenerator<Chunk, void, undefined> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    let rest = piece;
    while (size + rest.byteLength > chunkBytes) {
      const room = chunkBytes - size;
      yield { pieces: [...pieces, rest.subarray(0, room)], size: chunkBytes, isLast: false };
      rest = rest.subarray(room);
      [pieces, size] = [[], 0];
    }
    pieces.push(rest);
    size += rest.byteLength;
  }
  yield { pieces, size, isLast: true };
}

/** Longest piece that goes out at once, so that progress shows. */
const pieceBytes = 262_144;

/** The bytes from `offset` on, in pieces of moderate size. */
export function* piecesFrom(pieces: readonly Uint8Array[], offset = 0): Generator<Uint8Array> {
  let skip = offset;
  for (const piece of pieces) {
    for (let at = Math.min(skip, piece.byteLength); at < piece.byteLength; at += pieceBytes) {
      yield piece.subarray(at, at + pieceBytes);
    }
    skip = Math.max(0, skip - piece.byteLength);
  }
}
