import assert from "node:assert/strict";
import type { ByteRange } from "../../contract/backend.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { sampleBytes } from "../samples.js";

const size = 100_000;

/** What was asked for, and the first byte and the one behind the last that must come. */
const ranges: readonly (readonly [range: ByteRange, start: number, end: number])[] = [
  [{ start: 0, end: 0 }, 0, 1],
  [{ start: 0, end: undefined }, 0, size],
  [{ start: 1, end: 65_536 }, 1, 65_537],
  [{ start: size - 1, end: undefined }, size - 1, size],
  [{ start: size - 1, end: size + 1000 }, size - 1, size],
  [{ start: 70_000, end: Number.MAX_SAFE_INTEGER }, 70_000, size],
  [{ suffix: 1 }, size - 1, size],
  [{ suffix: size }, 0, size],
  [{ suffix: size + 1 }, 0, size],
];

export const rangeCases: readonly ConformanceCase[] = [
  {
    name: "a range gives those bytes, clamped to the object, and says which they are",
    async run({ storage, at }) {
      const bytes = sampleBytes(size);
      await storage.put(at("object"), bytes);
      for (const [range, start, end] of ranges) {
        const opened = await storage.open(at("object"), { range });
        assert.deepEqual([opened.start, opened.end, opened.size], [start, end, size], JSON.stringify(range));
        sameBytes(await opened.body.bytes(), bytes.subarray(start, end), JSON.stringify(range));
      }
    },
  },
  {
    name: "a range of a large object gives those bytes",
    async run({ storage, at }) {
      const bytes = sampleBytes(3_000_000);
      await storage.put(at("object"), bytes);
      const { body } = await storage.open(at("object"), { range: { start: 123_457, end: 2_345_678 } });
      sameBytes(await body.bytes(), bytes.subarray(123_457, 2_345_679));
    },
  },
  {
    name: "a range that starts behind the end is invalid_range",
    async run({ storage, at }) {
      await storage.put(at("object"), sampleBytes(10));
      await storage.put(at("empty"), "");
      for (const start of [10, 11, Number.MAX_SAFE_INTEGER]) {
        await failure(storage.open(at("object"), { range: { start, end: undefined } }), "invalid_range");
      }
      await failure(storage.open(at("object"), { range: { suffix: 0 } }), "invalid_range");
      await failure(storage.open(at("empty"), { range: { start: 0, end: undefined } }), "invalid_range");
    },
  },
  {
    name: "a range that makes no sense is invalid_argument",
    async run({ storage, at }) {
      await storage.put(at("object"), sampleBytes(10));
      const senseless = [
        { start: 5, end: 4 },
        { start: -1, end: undefined },
        { start: 0.5, end: undefined },
        { start: Number.NaN, end: 3 },
        { suffix: -1 },
        { suffix: Number.POSITIVE_INFINITY },
      ];
      for (const range of senseless) {
        await failure(storage.open(at("object"), { range }), "invalid_argument");
      }
    },
  },
  {
    name: "a range of a missing object is not_found",
    async run({ storage, at }) {
      await failure(storage.open(at("missing"), { range: { start: 0, end: 1 } }), "not_found");
    },
  },
];
