import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, call, kinds, makeBackend, pathOf, type Service, startService } from "./service.js";

const content = "0123456789";
const huge = "9".repeat(400);

/** In headers: E the ETag, L Last-Modified, B and A one second before and after it. */
type Case = readonly [
  name: string,
  headers: Readonly<Record<string, string>>,
  status: number,
  /** Content-Range of a 206 or 416. */
  range?: string,
  body?: string,
];

const part = (name: string, range: string, from: number, to: number): Case => [
  name,
  { range },
  206,
  `bytes ${from}-${to}/10`,
  content.slice(from, to + 1),
];
const whole = (name: string, range: string): Case => [name, { range }, 200];
const unsatisfiable = (name: string, range: string): Case => [name, { range }, 416, "bytes */10"];

const ranges: readonly Case[] = [
  part("first byte", "bytes=0-0", 0, 0),
  part("first bytes", "bytes=0-4", 0, 4),
  part("middle", "bytes=3-6", 3, 6),
  part("last byte", "bytes=9-9", 9, 9),
  part("all", "bytes=0-9", 0, 9),
  part("open end", "bytes=4-", 4, 9),
  part("open end from the start", "bytes=0-", 0, 9),
  part("end behind the object", "bytes=5-100", 5, 9),
  part("end at its size", "bytes=0-10", 0, 9),
  part("end of 2^63", "bytes=5-9223372036854775808", 5, 9),
  part("end of 2^64", "bytes=5-18446744073709551616", 5, 9),
  part("end of 400 digits", `bytes=5-${huge}`, 5, 9),
  part("suffix", "bytes=-3", 7, 9),
  part("suffix of one", "bytes=-1", 9, 9),
  part("suffix of all", "bytes=-10", 0, 9),
  part("suffix longer than the object", "bytes=-11", 0, 9),
  part("suffix of 400 digits", `bytes=-${huge}`, 0, 9),
  part("unit in capitals", "BYTES=0-1", 0, 1),
  part("leading zeros", "bytes=0003-0006", 3, 6),
  part("empty list elements", "bytes=,0-1,", 0, 1),
  unsatisfiable("start at the size", "bytes=10-"),
  unsatisfiable("start behind the size", "bytes=11-20"),
  unsatisfiable("start of 400 digits", `bytes=${huge}-`),
  unsatisfiable("start of 2^64", "bytes=18446744073709551616-18446744073709551617"),
  unsatisfiable("suffix of nothing", "bytes=-0"),
  whole("end before start", "bytes=5-4"),
  whole("several", "bytes=0-1,3-4"),
  whole("several that overlap", "bytes=0-,0-,0-,0-"),
  whole("another unit", "items=0-1"),
  whole("no unit", "0-1"),
  whole("no equals sign", "bytes 0-1"),
  whole("empty set", "bytes="),
  whole("dash alone", "bytes=-"),
  whole("word", "bytes=abc-def"),
  whole("word as end", "bytes=0-x"),
  whole("hex", "bytes=0x0-0x5"),
  whole("exponent", "bytes=1e0-1e1"),
  whole("fraction", "bytes=0.0-1.0"),
  whole("plus sign", "bytes=+0-1"),
  whole("minus sign", "bytes=--1"),
  whole("two dashes", "bytes=0--1"),
  whole("three parts", "bytes=0-1-2"),
  whole("NaN", "bytes=NaN-5"),
  whole("Infinity", "bytes=0-Infinity"),
  whole("space before", "bytes= 0-1"),
  whole("space inside", "bytes=0 - 1"),
  whole("space around equals", "bytes =0-1"),
];

const conditions: readonly Case[] = [
  ["If-Match: same", { "if-match": "E" }, 200],
  ["If-Match: in a list", { "if-match": '"x", E, "y"' }, 200],
  ["If-Match: any", { "if-match": "*" }, 200],
  ["If-Match: other", { "if-match": '"other"' }, 412],
  ["If-Match: weak", { "if-match": "W/E" }, 412],
  ["If-Match: without quotes", { "if-match": "U" }, 412],
  ["If-Match: malformed list", { "if-match": 'E "x"' }, 412],
  ["If-Match: empty", { "if-match": "" }, 412],
  ["If-Unmodified-Since: same", { "if-unmodified-since": "L" }, 200],
  ["If-Unmodified-Since: later", { "if-unmodified-since": "A" }, 200],
  ["If-Unmodified-Since: earlier", { "if-unmodified-since": "B" }, 412],
  ["If-Unmodified-Since: no date", { "if-unmodified-since": "yesterday" }, 200],
  ["If-Unmodified-Since: ISO date", { "if-unmodified-since": "1990-01-01T00:00:00Z" }, 200],
  ["If-Unmodified-Since: RFC 850", { "if-unmodified-since": "Sunday, 06-Nov-94 08:49:37 GMT" }, 412],
  ["If-Unmodified-Since: asctime", { "if-unmodified-since": "Sun Nov  6 08:49:37 1994" }, 412],
  ["If-Match beats If-Unmodified-Since", { "if-match": "E", "if-unmodified-since": "B" }, 200],
  ["If-Match fails although unmodified", { "if-match": '"x"', "if-unmodified-since": "A" }, 412],
  ["If-None-Match: same", { "if-none-match": "E" }, 304],
  ["If-None-Match: weak", { "if-none-match": "W/E" }, 304],
  ["If-None-Match: in a list", { "if-none-match": '"x", W/"y", E' }, 304],
  ["If-None-Match: list without spaces", { "if-none-match": '"x",E' }, 304],
  ["If-None-Match: list with empty elements", { "if-none-match": ',, E ,"x",' }, 304],
  ["If-None-Match: any", { "if-none-match": "*" }, 304],
  ["If-None-Match: other", { "if-none-match": '"other"' }, 200],
  ["If-None-Match: without quotes", { "if-none-match": "U" }, 200],
  ["If-None-Match: lower-case w", { "if-none-match": "w/E" }, 200],
  ["If-None-Match: empty", { "if-none-match": "" }, 200],
  ["If-None-Match although no-cache", { "if-none-match": "E", "cache-control": "no-cache" }, 304],
  ["If-Modified-Since: same", { "if-modified-since": "L" }, 304],
  ["If-Modified-Since: later", { "if-modified-since": "A" }, 304],
  ["If-Modified-Since: earlier", { "if-modified-since": "B" }, 200],
  ["If-Modified-Since: no date", { "if-modified-since": "yesterday" }, 200],
  ["If-Modified-Since: number", { "if-modified-since": "4102444800" }, 200],
  ["If-Modified-Since: impossible date", { "if-modified-since": "Fri, 31 Feb 2090 00:00:00 GMT" }, 200],
  ["If-Modified-Since: hour 25", { "if-modified-since": "Fri, 01 Jan 2090 25:00:00 GMT" }, 200],
  ["If-Modified-Since: far future", { "if-modified-since": "Sun, 01 Jan 2090 00:00:00 GMT" }, 304],
  ["If-None-Match beats If-Modified-Since", { "if-none-match": '"x"', "if-modified-since": "A" }, 200],
  ["If-None-Match matches although modified", { "if-none-match": "E", "if-modified-since": "B" }, 304],
  ["If-Match first, then If-None-Match", { "if-match": "E", "if-none-match": "E" }, 304],
  ["If-Match fails before If-None-Match", { "if-match": '"x"', "if-none-match": "E" }, 412],
  [
    "If-Unmodified-Since fails before If-None-Match",
    { "if-unmodified-since": "B", "if-none-match": "E" },
    412,
  ],
  [
    "If-Unmodified-Since holds, If-Modified-Since too",
    { "if-unmodified-since": "L", "if-modified-since": "L" },
    304,
  ],
  ["range with If-Match", { range: "bytes=0-1", "if-match": "E" }, 206, "bytes 0-1/10", "01"],
  ["range with failed If-Match", { range: "bytes=0-1", "if-match": '"x"' }, 412],
  ["range with If-None-Match that matches", { range: "bytes=0-1", "if-none-match": "E" }, 304],
  [
    "range with If-None-Match that does not",
    { range: "bytes=0-1", "if-none-match": '"x"' },
    206,
    "bytes 0-1/10",
    "01",
  ],
  ["unsatisfiable range with If-None-Match that matches", { range: "bytes=99-", "if-none-match": "E" }, 304],
  ["unsatisfiable range with If-Match", { range: "bytes=99-", "if-match": "E" }, 416, "bytes */10"],
  ["If-Range: same", { range: "bytes=0-1", "if-range": "E" }, 206, "bytes 0-1/10", "01"],
  ["If-Range: other", { range: "bytes=0-1", "if-range": '"x"' }, 200],
  ["If-Range: weak", { range: "bytes=0-1", "if-range": "W/E" }, 200],
  ["If-Range: without quotes", { range: "bytes=0-1", "if-range": "U" }, 200],
  ["If-Range: list", { range: "bytes=0-1", "if-range": 'E, "x"' }, 200],
  ["If-Range: any", { range: "bytes=0-1", "if-range": "*" }, 200],
  ["If-Range: same date", { range: "bytes=0-1", "if-range": "L" }, 206, "bytes 0-1/10", "01"],
  ["If-Range: later date", { range: "bytes=0-1", "if-range": "A" }, 200],
  ["If-Range: earlier date", { range: "bytes=0-1", "if-range": "B" }, 200],
  ["If-Range: no date", { range: "bytes=0-1", "if-range": "soon" }, 200],
  ["If-Range without Range", { "if-range": '"x"' }, 200],
  ["If-Range fails for an unsatisfiable range", { range: "bytes=99-", "if-range": '"x"' }, 200],
  ["If-Range holds for an unsatisfiable range", { range: "bytes=99-", "if-range": "E" }, 416, "bytes */10"],
];

const cases = [...ranges, ...conditions].map(([name, headers, status, range, body]) => ({
  name,
  headers,
  status,
  range,
  body,
}));

function expectBody(answer: Answer, expected: string): void {
  if (answer.status === 304) expectNothing(answer);
  else if (answer.status >= 400) expectProblem(answer);
  else expectContent(answer, expected);
}

function expectContent(answer: Answer, expected: string): void {
  expect(answer.text).toBe(expected);
  expect(answer.headers["content-length"]).toBe(String(expected.length));
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
}

function expectNothing(answer: Answer): void {
  expect(answer.body.length).toBe(0);
  expect(answer.headers["content-type"]).toBeUndefined();
  expect(answer.headers["content-length"]).toBeUndefined();
}

function expectProblem(answer: Answer): void {
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.json()).toMatchObject({ status: answer.status, type: "about:blank" });
}

describe.each(kinds)("%s", (kind) => {
  let service: Service;
  let remove: () => Promise<void>;
  let fileUrl: string;
  let etag: string;
  let lastModified: Date;

  beforeAll(async () => {
    const made = await makeBackend(kind);
    remove = made.remove;
    service = await startService({ backend: made.backend });
    await service.storage.put("o.txt", content);
    await service.storage.put("empty.txt", "");
    ({ etag, lastModified } = await service.storage.getMetadata("o.txt"));
    fileUrl = pathOf(await service.storage.getUrl("o.txt"));
  });
  afterAll(async () => {
    await service.close();
    await remove();
  });

  const at = (seconds: number) => new Date(lastModified.getTime() + seconds * 1000).toUTCString();
  const fill = (text: string) =>
    text
      .replace(/^U$/, etag)
      .replace(/^([wW]\/|.*[ ,])?E($|[ ,].*)/, (_, before = "", after = "") => `${before}"${etag}"${after}`)
      .replace(/^[LBA]$/, (letter) => at({ L: 0, B: -1, A: 1 }[letter] ?? 0));
  const filled = (headers: Case[1]) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value)]));
  const paths = () => [fileUrl, "/_storage/download/o.txt"];

  function expectHeaders(answer: Answer): void {
    expect(answer.headers.etag).toBe(`"${etag}"`);
    expect(answer.headers["last-modified"]).toBe(at(0));
    expect(answer.headers["cache-control"]).toContain("private");
    expect(answer.headers["accept-ranges"]).toBe("bytes");
  }

  test.each(cases)("GET $name", async ({ headers, status, range, body }) => {
    for (const path of paths()) {
      const answer = await call(service.port, { path, headers: filled(headers) });
      expect(answer.status).toBe(status);
      expect(answer.headers["content-range"]).toBe(range);
      if (status < 400) expectHeaders(answer);
      expectBody(answer, body ?? content);
    }
  });

  test.each(cases)("HEAD $name: as GET without the range", async ({ headers, status }) => {
    const expected = status === 206 || status === 416 ? 200 : status;
    for (const path of paths()) {
      const answer = await call(service.port, { method: "HEAD", path, headers: filled(headers) });
      expect(answer.status).toBe(expected);
      expect(answer.body.length).toBe(0);
      expect(answer.headers["content-range"]).toBeUndefined();
      if (expected === 200) expect(answer.headers["content-length"]).toBe("10");
      if (expected < 400) expectHeaders(answer);
    }
  });

  test.each([
    ["bytes=0-", 416],
    ["bytes=0-0", 416],
    ["bytes=-0", 416],
    ["bytes=-5", 200],
  ])("an empty object and %s", async (range, status) => {
    const answer = await call(service.port, { path: "/_storage/download/empty.txt", headers: { range } });
    expect(answer.status).toBe(status);
    expect(answer.headers["content-range"]).toBe(status === 416 ? "bytes */0" : undefined);
  });

  test.each(["if-match", "if-none-match", "if-range", "range"])(
    "a missing object is 404 whatever %s",
    async (name) => {
      const path = pathOf(await service.storage.getUrl("missing.txt"));
      for (const each of [path, "/_storage/download/missing.txt"]) {
        for (const value of ["*", '"x"', "bytes=0-1"]) {
          const answer = await call(service.port, { path: each, headers: { [name]: value } });
          expect(answer.status).toBe(404);
        }
      }
    },
  );

  test("the ETag changes with every write, also of the same bytes in the same second", async () => {
    const tags = new Set<string>();
    for (let round = 0; round < 5; round += 1) tags.add((await service.storage.put("same.txt", "same")).etag);
    expect(tags.size).toBe(5);
  });
});
