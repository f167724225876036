/** How much of a body is read, and the error for one that is longer. */
export interface BodyLimit {
  readonly maxBytes: number;
  readonly error: () => Error;
}

/** Reads a body to its end. */
export async function bytesOf(
  body: AsyncIterable<Uint8Array>,
  limit?: BodyLimit,
): Promise<Buffer<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (limit !== undefined && size > limit.maxBytes) throw limit.error();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
