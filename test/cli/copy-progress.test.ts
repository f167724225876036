import { StorageError } from "svc-infra/storage";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatBytes, formatCount, formatDuration } from "#dist/cli/copy/amounts.js";
import { Pace } from "#dist/cli/copy/pace.js";
import { barLine, describeProgress, Progress } from "#dist/cli/copy/progress.js";
import type { TransferState } from "#dist/storage/transfer/transfer-progress.js";

const nothing: TransferState = {
  copied: { objects: 0, bytes: 0 },
  unchanged: { objects: 0, bytes: 0 },
  failures: [],
  leftOut: { count: 0, names: [] },
  bytesUnderWay: 0,
  total: undefined,
};

const halfWay: TransferState = {
  copied: { objects: 4000, bytes: 400_000_000 },
  unchanged: { objects: 1000, bytes: 50_000_000 },
  failures: [],
  leftOut: { count: 0, names: [] },
  bytesUnderWay: 50_000_000,
  total: { objects: 10_000, bytes: 1_000_000_000 },
};

/** A pace of 10 seconds in which half of it was done. */
function paceOf(state: TransferState): Pace {
  const pace = new Pace();
  pace.add({ objects: 0, bytes: 0 }, 0);
  pace.add({ objects: state.copied.objects + state.unchanged.objects, bytes: 500_000_000 }, 10_000);
  return pace;
}

describe("progress", () => {
  it("tells objects, bytes, rate and time left", () => {
    expect(describeProgress(halfWay, paceOf(halfWay))).toBe(
      "5,000 of 10,000 objects, 500.0 MB of 1.0 GB, 50.0 MB/s, 10 s left",
    );
  });

  it("tells what it knows while the total is being counted", () => {
    const state = { ...halfWay, total: undefined };
    expect(describeProgress(state, paceOf(state))).toBe("5,000 objects, 500.0 MB, 50.0 MB/s");
  });

  it("tells failures as soon as there are any", () => {
    const failures = [{ key: "k", error: new StorageError({ message: "no" }) }];
    expect(describeProgress({ ...halfWay, failures }, paceOf(halfWay))).toMatch(/, 1 failed$/);
  });

  it("has a bar as wide as the terminal lets it be, and never a line that is wider", () => {
    const pace = paceOf(halfWay);
    const line = "5,000/10,000 objects  500.0 MB/1.0 GB  50.0 MB/s  10 s left";
    expect(barLine(halfWay, pace, 200)).toBe(`${"█".repeat(15)}${"░".repeat(15)}  50%  ${line}`);
    for (const columns of [10, 40, 70, 80, 90, 120]) {
      expect(barLine(halfWay, pace, columns).length).toBeLessThan(columns);
    }
    expect(barLine(halfWay, pace, 80)).toContain("█");
    expect(barLine({ ...halfWay, total: undefined }, pace, 200)).toBe("5,000 objects  500.0 MB  50.0 MB/s");
  });
});

describe("the time left", () => {
  it("is that of the objects when they are many and small", () => {
    const pace = new Pace();
    pace.add({ objects: 0, bytes: 0 }, 0);
    pace.add({ objects: 10, bytes: 900 }, 1000);
    expect(pace.remainingMs({ objects: 100, bytes: 1000 })).toBe(9000);
  });

  it("is that of the bytes while no object is done", () => {
    const pace = new Pace();
    pace.add({ objects: 0, bytes: 0 }, 0);
    pace.add({ objects: 0, bytes: 500 }, 1000);
    expect(pace.remainingMs({ objects: 3, bytes: 1500 })).toBe(2000);
    expect(pace.remainingMs({ objects: 3, bytes: 500 })).toBeUndefined();
  });

  it("is unknown while nothing moves, and nothing when all is done", () => {
    const pace = new Pace();
    expect(pace.remainingMs({ objects: 1, bytes: 1 })).toBeUndefined();
    pace.add({ objects: 0, bytes: 0 }, 0);
    pace.add({ objects: 0, bytes: 0 }, 1000);
    expect(pace.remainingMs({ objects: 1, bytes: 1 })).toBeUndefined();
    expect(pace.remainingMs({ objects: 0, bytes: 0 })).toBe(0);
  });

  it("goes by what was done of late", () => {
    const pace = new Pace();
    pace.add({ objects: 0, bytes: 0 }, 0);
    for (let second = 1; second <= 60; second++) {
      pace.add({ objects: second, bytes: second < 30 ? 0 : (second - 30) * 100 }, second * 1000);
    }
    expect(pace.bytesPerSecond).toBe(100);
  });
});

describe("where it is shown", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function shownOn(output: { readonly isTTY?: boolean; readonly columns?: number }, ms: number): string {
    let text = "";
    const progress = new Progress(halfWay, {
      ...output,
      write: (more) => {
        text += more;
      },
    });
    vi.advanceTimersByTime(ms);
    progress.end();
    vi.advanceTimersByTime(60_000);
    return text;
  }

  it("a terminal has one line that changes and is cleared away", () => {
    const text = shownOn({ isTTY: true, columns: 120 }, 1000);
    expect(text.split("\r\u001b[K").length).toBeGreaterThan(4);
    expect(text).toContain("█");
    expect(text).not.toContain("\n");
    expect(text.endsWith("\r\u001b[K")).toBe(true);
  });

  it("a file has a plain line now and then", () => {
    const text = shownOn({}, 21_000);
    expect(text.split("\n")).toHaveLength(5);
    expect(text).toMatch(/^(5,000 of 10,000 objects, .*\n){4}$/);
    for (const each of ["\r", "\u001b", "█"]) expect(text).not.toContain(each);
  });

  it("a copy of a moment shows nothing", () => {
    expect(shownOn({}, 1000)).toBe("");
    expect(describeProgress(nothing, new Pace())).toBe("0 objects, 0 bytes, 0 bytes/s");
  });
});

describe("amounts", () => {
  it.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [1_234_567, "1.2 MB"],
    [5e15, "5.0 PB"],
    [5e18, "5000.0 PB"],
  ])("%i bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [400, "0 s"],
    [59_400, "59 s"],
    [59_500, "1:00"],
    [185_000, "3:05"],
    [3_723_000, "1:02:03"],
  ])("%i ms are %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

  it("counts have commas", () => expect(formatCount(1_234_567)).toBe("1,234,567"));
});
