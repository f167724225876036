import type { ByteRange } from "../../backend.js";
import { DiskError } from "./disk-error.js";

/** The first byte and the one behind the last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Clamps a range to an object of `size` bytes (RFC 9110 §14.1.2). */
export function spanOf(range: ByteRange | undefined, size: number): Span {
  if (range === undefined) return { start: 0, end: size };
  if ("suffix" in range) return checked({ start: Math.max(0, size - range.suffix), end: size }, size);
  return checked({ start: range.start, end: Math.min(size, (range.end ?? size) + 1) }, size);
}

function checked(span: Span, size: number): Span {
  if (span.start < span.end) return span;
  throw new DiskError("invalid_range", `the range lies outside the object's ${size} bytes`);
}
