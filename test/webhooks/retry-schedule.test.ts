import { describe, expect, it } from "vitest";
import { nextWaitMs, retryAfterMs, retryScheduleMs } from "#dist/webhooks/deliveries/retry-schedule.js";

const hourMs = 3_600_000;
const now = Date.parse("2026-01-01T00:00:00Z");

describe("the schedule", () => {
  it("rises from five seconds to a day, over about three days", () => {
    expect(retryScheduleMs[0]).toBe(5000);
    expect(retryScheduleMs.at(-1)).toBe(24 * hourMs);
    expect([...retryScheduleMs].sort((a, b) => a - b)).toEqual(retryScheduleMs);
    const hours = retryScheduleMs.reduce((sum, each) => sum + each, 0) / hourMs;
    expect(hours).toBeGreaterThan(60);
    expect(hours).toBeLessThan(84);
  });

  it("has jitter of ten per cent to either side, and an end", () => {
    for (const [index, scheduled] of retryScheduleMs.entries()) {
      expect(nextWaitMs(index + 1, undefined, 0)).toBe(Math.round(scheduled * 0.9));
      expect(nextWaitMs(index + 1, undefined, 1)).toBe(Math.round(scheduled * 1.1));
    }
    expect(nextWaitMs(retryScheduleMs.length + 1, hourMs, 0)).toBeUndefined();
  });

  it("waits as long as the endpoint asked and no more than ten per cent longer, up to a day, and never shorter", () => {
    expect(nextWaitMs(1, hourMs, 0)).toBe(hourMs);
    expect(nextWaitMs(1, hourMs, 1)).toBe(3_960_000);
    expect(nextWaitMs(1, 100 * 24 * hourMs, 0)).toBe(24 * hourMs);
    expect(nextWaitMs(1, 1000, 0)).toBe(4500);
  });
});

it.each([
  ["120", 120_000],
  ["0", 0],
  ["Thu, 01 Jan 2026 01:00:00 GMT", hourMs],
  ["Wed, 31 Dec 2025 23:00:00 GMT", 0],
  ["soon", undefined],
  [undefined, undefined],
])("Retry-After %s is %s milliseconds", (field, expected) => {
  expect(retryAfterMs(field, now)).toBe(expected);
});
