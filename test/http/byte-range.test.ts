import { contentRange, parseRange } from "svc-infra/http";
import { expect, test } from "vitest";

const huge = "9".repeat(400);
const max = Number.MAX_SAFE_INTEGER;

test.each([
  ["bytes=0-0", { start: 0, end: 0 }],
  ["bytes=0-499", { start: 0, end: 499 }],
  ["bytes=500-", { start: 500, end: undefined }],
  ["bytes=-500", { suffix: 500 }],
  ["bytes=-0", { suffix: 0 }],
  ["BYTES=1-2", { start: 1, end: 2 }],
  ["bytes=007-010", { start: 7, end: 10 }],
  [`bytes=0-${huge}`, { start: 0, end: max }],
  [`bytes=${huge}-`, { start: max, end: undefined }],
  [`bytes=-${huge}`, { suffix: max }],
  ["bytes=0-18446744073709551616", { start: 0, end: max }],
  ["bytes=,1-2,", { start: 1, end: 2 }],
] as const)("%s is one range", (field, expected) => {
  expect(parseRange(field)).toEqual(expected);
});

test.each([
  undefined,
  "",
  "bytes",
  "bytes=",
  "bytes=-",
  "bytes=abc",
  "bytes=5-4",
  `bytes=${huge}1-${huge}`,
  "bytes=9007199254740993-9007199254740992",
  "bytes=0-1,2-3",
  "bytes=0-1, bytes=2-3",
  "bytes= 0-1",
  "bytes =0-1",
  "bytes=0 -1",
  "bytes=0- 1",
  "bytes=+0-1",
  "bytes=0-+1",
  "bytes=--1",
  "bytes=0--1",
  "bytes=0-1-2",
  "bytes=0x0-0x5",
  "bytes=1e1-1e2",
  "bytes=0.0-1.5",
  "bytes=NaN-5",
  "bytes=0-Infinity",
  "bytes=०-५",
  "items=0-1",
  "xbytes=0-1",
  "0-1",
])("%s is ignored", (field) => {
  expect(parseRange(field)).toBeUndefined();
});

test("a field longer than any header is ignored like others", () => {
  expect(parseRange(`bytes=${"0-1,".repeat(50_000)}`)).toBeUndefined();
  expect(parseRange(`bytes=${" ".repeat(200_000)}x`)).toBeUndefined();
});

test("Content-Range counts the last byte, not the one behind it", () => {
  expect(contentRange({ start: 0, end: 1 }, 10)).toBe("bytes 0-0/10");
  expect(contentRange({ start: 5, end: 10 }, 10)).toBe("bytes 5-9/10");
});
