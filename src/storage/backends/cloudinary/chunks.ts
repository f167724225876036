import type { Bytes } from "../../contract/backend.js";

/** A part of content that is in memory. */
export interface Chunk {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** The content in chunks of `chunkBytes`, the last one smaller; of empty content one empty chunk. At most one is held. */
export async function* chunksOf(content: Bytes, chunkBytes: number): AsyncGenerator<Chunk> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let isFirst = true;
  for await (const piece of content) {
    for (let rest = piece; rest.byteLength > 0; ) {
      if (size === chunkBytes) {
        yield { pieces, size, isFirst, isLast: false };
        [pieces, size, isFirst] = [[], 0, false];
      }
      const taken = rest.subarray(0, chunkBytes - size);
      pieces.push(taken);
      size += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
    }
  }
  yield { pieces, size, isFirst, isLast: true };
}
