import type { Bytes } from "./backend.js";

/** A run of a content's bytes, in memory. */
export interface Chunk {
  /** An owner that needs them no longer may take them out, so that their memory is free. */
  readonly pieces: Uint8Array[];
  /** Bytes. */
  readonly size: number;
  /** Only the last one may be smaller than the others, or empty. */
  readonly isLast: boolean;
}

/** The only chunk of empty content. */
export const emptyChunk: Chunk = { pieces: [], size: 0, isLast: true };

/**
 * Cuts content into chunks of exactly `chunkBytes` but for the last; of empty content one empty chunk. Only the end of the
 * content tells which chunk is the last, so a full one waits for the byte behind it. At most one is held.
 */
export async function* chunksOf(
  content: Bytes,
  chunkBytes: number,
): AsyncGenerator<Chunk, undefined, undefined> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content) {
    for (let at = 0; at < piece.byteLength; ) {
      if (size === chunkBytes) {
        yield { pieces, size, isLast: false };
        [pieces, size] = [[], 0];
      }
      const taken = piece.subarray(at, at + chunkBytes - size);
      pieces.push(taken);
      size += taken.byteLength;
      at += taken.byteLength;
    }
  }
  yield { pieces, size, isLast: true };
  return undefined;
}
