/** Bytes of a pooled piece: large enough for a system call to be cheap, small enough for the caches of a processor. */
export const pooledPieceBytes: number = 256 * 1024;

/** Pieces that are kept for the next reader, 8 MiB together. */
const maxIdlePieces = 32;

/**
 * Memory that is taken for a piece, in bytes for each of its bytes. V8 collects pieces that are no longer held when it has
 * given away so much (32 MiB in Node 20), touched or not; the half that is never touched costs nothing and makes it look sooner.
 */
const roomPerByte = 2;

const idle: ArrayBuffer[] = [];
const takenMemory = new WeakSet<ArrayBufferLike>();

/**
 * Memory for a piece of content, of {@link pooledPieceBytes}. It belongs to the receiver, who may give it back with
 * {@link returnPiece} and need not: fresh memory for each piece costs more than the read, as the kernel clears its pages
 * and V8 runs a full collection for every 32 MiB of it.
 */
export function takePiece(): Uint8Array<ArrayBuffer> {
  const memory = idle.pop() ?? Buffer.allocUnsafeSlow(pooledPieceBytes * roomPerByte).buffer;
  takenMemory.add(memory);
  return Buffer.from(memory, 0, pooledPieceBytes);
}

/** Gives the memory of a piece back when it came from {@link takePiece}. Nothing may read the piece from now on. */
export function returnPiece(piece: Uint8Array): void {
  const { buffer } = piece;
  if (takenMemory.delete(buffer) && idle.length < maxIdlePieces) idle.push(buffer as ArrayBuffer);
}

/** Takes the memory of a piece out of the pool for good: its receiver may hold the piece for any time. */
export function keepPiece(piece: Uint8Array): void {
  takenMemory.delete(piece.buffer);
}
