import { expect, it } from "vitest";
import { parseRetryAfter } from "#dist/storage/contract/retry-after.js";

const now = Date.parse("2026-01-01T00:00:00Z");

it.each([
  ["seconds", "7", 7000],
  ["a date", "Thu, 01 Jan 2026 00:00:05 GMT", 5000],
  ["a date that has passed", "Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["nothing", undefined, undefined],
  ["an empty value", "", undefined],
  ["a word", "soon", undefined],
])("Retry-After of %s", (_, value, ms) => {
  expect(parseRetryAfter(value, now)).toBe(ms);
});
