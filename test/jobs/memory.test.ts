import { easyJobs } from "svc-infra/jobs";
import { expect, it, vi } from "vitest";
import { MemoryDriver } from "#dist/jobs/memory/memory-driver.js";
import { conformanceOf } from "./conformance.js";

conformanceOf("memory");

it("a worker of jobs in memory that closes gives its job to another one", async () => {
  const driver = new MemoryDriver();
  const first: number[] = [];
  const second: number[] = [];
  const worker = driver.work(async ({ attempt }) => {
    first.push(attempt);
    await new Promise(() => undefined);
  }, 1);
  const backoff = { type: "fixed", delayMs: 1, jitter: 0 } as const;
  const job = { id: "1", name: "noted", payload: "endless", attempts: 1, backoff, delayMs: 0, priority: 0 };
  await driver.add(job);
  expect(first).toEqual([1]);
  const other = driver.work(async ({ attempt }) => void second.push(attempt), 1);
  await worker.close(50);
  await expect.poll(() => second).toEqual([1]);
  await expect.poll(() => driver.find("1")).toBeUndefined();
  await other.close(50);
  await driver.close();
});

it.each([
  ["an interval", { everyMs: 100 }, 100, 3_600_200],
  ["a cron pattern", { cron: "* * * * * *", timeZone: "UTC" }, 1_000, 3_602_000],
] as const)(
  "a machine that slept makes one job of %s, and keeps to its times",
  async (_, when, gapMs, nextMs) => {
    const start = 1_800_000_000_000;
    vi.useFakeTimers({ now: start });
    const driver = new MemoryDriver();
    try {
      const backoff = { type: "fixed", delayMs: 1, jitter: 0 } as const;
      const job = { name: "noted", payload: "tick", attempts: 1, backoff, priority: 0 };
      await driver.schedule({ id: "s", when, job });
      await vi.advanceTimersByTimeAsync(0);
      const before = await driver.list("waiting", 1_000);
      // An hour and 50 ms for the clock, and none for the timers.
      vi.setSystemTime(start + 3_600_050);
      await vi.advanceTimersByTimeAsync(gapMs);
      expect((await driver.list("waiting", 1_000)).length).toBe(before.length + 1);
      expect((await driver.schedules())[0]?.nextRunAt).toEqual(new Date(start + nextMs));
    } finally {
      await driver.close();
      vi.useRealTimers();
    }
  },
);

it("jobs in memory are up within 20 ms", async () => {
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const from = performance.now();
    const jobs = await easyJobs({ driver: "memory" }, { env: {} });
    times.push(performance.now() - from);
    await jobs.close();
  }
  // The fastest round tells what it takes; the others also what else the machine does.
  expect(Math.min(...times)).toBeLessThan(20);
});
