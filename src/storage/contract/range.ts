import type { ByteRange } from "./backend.js";
import { refusal } from "./service-error.js";

/** The first byte and the one behind the last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The part of an object of `size` bytes that a range means (RFC 9110 §14.1.2).
 *
 * @throws ServiceError `invalid_range` when it lies outside.
 */
export function spanIn(range: ByteRange | undefined, size: number): Span {
  if (range === undefined) return { start: 0, end: size };
  const start = "suffix" in range ? Math.max(0, size - range.suffix) : range.start;
  const end = "suffix" in range ? size : Math.min((range.end ?? size) + 1, size);
  if (start < end) return { start, end };
  throw refusal("invalid_range", `the range lies outside the object's ${size} bytes`);
}
