/** Longest piece that is sent at once, so that progress shows and a signal can stop the rest. */
const pieceBytes = 262_144;

/** The bytes from `offset` on, in pieces of moderate size. */
export function* moderatePieces(pieces: Iterable<Uint8Array>, offset = 0): Generator<Uint8Array> {
  let skip = offset;
  for (const piece of pieces) {
    if (skip === 0 && piece.byteLength <= pieceBytes) {
      if (piece.byteLength > 0) yield piece;
      continue;
    }
    for (let at = Math.min(skip, piece.byteLength); at < piece.byteLength; at += pieceBytes) {
      yield piece.subarray(at, at + pieceBytes);
    }
    skip = Math.max(0, skip - piece.byteLength);
  }
}

/** What the sender of a request hears while its body goes. */
export interface SendingOptions {
  /** Called behind each piece but the last. */
  readonly onProgress?: (() => void) | undefined;
  /** Called before the last piece is sent, also where there is no piece. */
  readonly onLast?: (() => void) | undefined;
}

/** The pieces of a request body as they are sent. */
export function* sentPieces(
  pieces: Iterable<Uint8Array>,
  { onProgress, onLast }: SendingOptions,
): Generator<Uint8Array> {
  let held: Uint8Array | undefined;
  for (const piece of pieces) {
    if (held !== undefined) {
      yield held;
      onProgress?.();
    }
    held = piece;
  }
  onLast?.();
  if (held !== undefined) yield held;
}
