/** 1 for each byte that never occurs in text (WHATWG MIME Sniffing §3, binary data byte). */
const isBinary = new Uint8Array(256).map((_, byte) =>
  byte <= 8 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f) ? 1 : 0,
);

/** Whether a byte stands there that never occurs in text. It runs for each text that is stored, so it looks at four bytes at once. */
export function hasBinaryByte(head: Uint8Array): boolean {
  const { buffer, byteOffset, byteLength } = head;
  // Words must be aligned, and a shorter view may end before the first place that is.
  if (byteLength < 4) return hasBetween(head, 0, byteLength);
  const start = -byteOffset & 3;
  const words = new Int32Array(buffer, byteOffset + start, (byteLength - start) >> 2);
  const end = start + words.byteLength;
  if (hasBetween(head, 0, start) || hasBetween(head, end, byteLength)) return true;
  for (let index = 0; index < words.length; index += 1) {
    if (!mayHave((words[index] as number) | 0)) continue;
    const at = start + index * 4;
    if (hasBetween(head, at, at + 4)) return true;
  }
  return false;
}

/** As an integer of 32 bits, which an engine need not box. */
const highBits = 0x80808080 | 0;

/** Whether one of four bytes is below 0x20, as all binary bytes are: then its highest bit is set by the subtraction alone. */
function mayHave(word: number): boolean {
  return (((word - 0x20202020) | 0) & ~word & highBits) !== 0;
}

function hasBetween(head: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) if (isBinary[head[index] as number] === 1) return true;
  return false;
}
