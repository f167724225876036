const mebibyte = 1_048_576;

/** Bytes of a part, so that content of this size has no more parts than are allowed. */
export function partBytesFor(size: number | undefined, least: number, maxParts: number): number {
  const needed = Math.ceil((size ?? 0) / maxParts);
  return Math.max(least, Math.ceil(needed / mebibyte) * mebibyte);
}
