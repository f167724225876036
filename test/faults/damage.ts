/** A random change of one byte, a cut, or a tail of zeros. */
export function damage(bytes: Buffer): Buffer {
  const at = Math.floor(Math.random() * bytes.length);
  const how = Math.floor(Math.random() * 3);
  if (how === 0) return bytes.subarray(0, at);
  if (how === 1) return Buffer.concat([bytes, Buffer.alloc(1 + at)]);
  const changed = Buffer.from(bytes);
  changed[at] = Math.floor(Math.random() * 256);
  return changed;
}
