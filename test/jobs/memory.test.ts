import { easyJobs } from "svc-infra/jobs";
import { expect, it } from "vitest";
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
