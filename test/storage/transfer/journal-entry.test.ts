import { describe, expect, it } from "vitest";
import {
  formatEntry,
  isStill,
  isTelling,
  type JournalEntry,
  parseEntry,
} from "#dist/storage/transfer/journal-entry.js";

const entry: JournalEntry = {
  key: "k",
  size: 5,
  sourceMs: 10_123,
  targetMs: 20_000,
  writtenMs: 21_500,
  notedMs: 31_500,
  isVerified: false,
};

function listed(sourceMs: number, targetMs: number, sizes: readonly [number, number] = [5, 5]) {
  const [source, target] = sizes;
  return {
    source: { key: "k", size: source, lastModified: new Date(sourceMs) },
    target: { key: "k", size: target, lastModified: new Date(targetMs) },
  };
}

describe("an entry holds", () => {
  it.each([
    ["at the time that the answer told", listed(10_123, 20_000)],
    ["at any time between the beginning of the write and its answer", listed(10_123, 21_400)],
    ["where one service rounds down and the other does not", listed(10_123, 19_000)],
  ])("%s", (_, pair) => expect(isStill(entry, pair, 90_000)).toBe(true));

  it("although it is the last one, when both times are exact", () => {
    expect(isStill({ ...entry, targetMs: 20_456 }, listed(10_123, 20_456), entry.notedMs)).toBe(true);
  });

  it("although it is the last one, when the target was old when it was noted", () => {
    expect(isStill({ ...entry, writtenMs: undefined, notedMs: 90_000 }, listed(10_123, 20_000), 90_000)).toBe(
      true,
    );
  });
});

describe("an entry holds no more", () => {
  it.each([
    ["when the source has another size", listed(10_123, 20_000, [6, 5])],
    ["when the target has another size", listed(10_123, 20_000, [5, 6])],
    ["when the source has another time, also an earlier one", listed(10_122, 20_000)],
    ["when the target was written before", listed(10_123, 18_999)],
    ["when the target was written after, also before it was noted", listed(10_123, 22_501)],
    ["when the target has none", { ...listed(10_123, 20_000), target: undefined }],
  ])("%s", (_, pair) => expect(isStill(entry, pair, 90_000)).toBe(false));

  it("of what was there already, when the target has another time", () => {
    const there = { ...entry, writtenMs: undefined };
    expect([20_001, 20_000].map((ms) => isStill(there, listed(10_123, ms), 90_000))).toEqual([false, true]);
  });

  it("as long as nothing was noted some seconds later, when a time is rounded", () => {
    expect(isStill(entry, listed(10_123, 20_000), entry.notedMs + 3000)).toBe(false);
  });
});

it("a rounded time tells nothing of the two seconds after it", () => {
  expect([isTelling(20_000, 22_000), isTelling(20_000, 22_001), isTelling(20_001, 20_001)]).toEqual([
    false,
    true,
    true,
  ]);
});

it("an entry comes back from its line", () => {
  for (const each of [entry, { ...entry, writtenMs: undefined }])
    expect(parseEntry(formatEntry(each))).toEqual(each);
});
