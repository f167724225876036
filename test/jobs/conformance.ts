import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { defineJob, type EasyJobsOptions, type JobContext, type Jobs } from "svc-infra/jobs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { drivers, type TestedDriver } from "./drivers.js";

const soon = { timeout: 60_000, interval: 10 };
const atOnce = { type: "fixed", delayMs: 1, jitter: 0 } as const;

/** What every driver must do, whatever keeps its jobs. */
export function conformanceOf(name: keyof typeof drivers): void {
  describe(`jobs in ${name}`, () => {
    let driver: TestedDriver;
    const opened: Jobs[] = [];
    beforeAll(async () => {
      driver = await drivers[name]();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((jobs) => jobs.close()));
    });
    afterAll(() => driver.stop());

    async function open(options?: EasyJobsOptions): Promise<Jobs> {
      const jobs = await driver.open(`q-${randomUUID()}`, {
        concurrency: 1,
        shutdownTimeoutMs: 5_000,
        ...options,
      });
      opened.push(jobs);
      return jobs;
    }

    /** A job that notes what it was given and then does what the test wants. */
    function noting(act: (payload: string, context: JobContext) => unknown = () => undefined) {
      const seen: string[] = [];
      const job = defineJob("noted", z.string(), async (payload, context) => {
        seen.push(payload);
        await act(payload, context);
      });
      return { job, seen };
    }

    it("handles jobs in the order in which they came", async () => {
      const { job, seen } = noting();
      const { queue } = await open({ jobs: [job] });
      const words = ["a", "b", "c", "d", "e", "f"];
      for (const word of words) await queue.enqueue(job, word);
      await expect.poll(() => seen, soon).toEqual(words);
    });

    it("handles a smaller priority first, and within one priority the older job", async () => {
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { job, seen } = noting((payload) => (payload === "gate" ? held : undefined));
      const { queue } = await open({ jobs: [job] });
      await queue.enqueue(job, "gate");
      await expect.poll(() => seen, soon).toEqual(["gate"]);
      for (const [word, priority] of [
        ["low", 9],
        ["high", 1],
        ["high too", 1],
        ["first", 0],
      ] as const) {
        await queue.enqueue(job, word, { priority });
      }
      release();
      await expect.poll(() => seen, soon).toEqual(["gate", "first", "high", "high too", "low"]);
    });

    it("handles a delayed job not before its time", async () => {
      const { job, seen } = noting();
      const { queue } = await open({ jobs: [job] });
      const from = Date.now();
      const id = await queue.enqueue(job, "later", { delayMs: 400 });
      expect(await queue.find(id)).toMatchObject({ id, name: "noted", state: "delayed", payload: "later" });
      await expect.poll(() => seen, soon).toEqual(["later"]);
      expect(Date.now() - from).toBeGreaterThanOrEqual(395);
    });

    it("adds no second job while one with the same key is unfinished, and one afterwards", async () => {
      const { job, seen } = noting();
      const { queue } = await open({ jobs: [job] });
      const first = await queue.enqueue(job, "one", { dedupKey: "k", delayMs: 300 });
      expect(await queue.enqueue(job, "two", { dedupKey: "k" })).toBe(first);
      await expect.poll(() => seen, soon).toEqual(["one"]);
      const enqueue = () => queue.enqueue(job, "three", { dedupKey: "k" });
      await expect.poll(async () => (await enqueue()) !== first, soon).toBe(true);
      await expect.poll(() => seen, soon).toEqual(["one", "three"]);
    });

    it("tries a failed job again, later each time, and tells the attempt", async () => {
      const times: number[] = [];
      const attempts: number[] = [];
      const { job } = noting((_, { attempt }) => {
        times.push(Date.now());
        attempts.push(attempt);
        if (attempt < 4) throw new Error("not yet");
      });
      const { queue } = await open({ jobs: [job] });
      await queue.enqueue(job, "x", {
        attempts: 4,
        backoff: { type: "exponential", delayMs: 100, jitter: 0 },
      });
      await expect.poll(() => attempts, soon).toEqual([1, 2, 3, 4]);
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(gaps[0]).toBeGreaterThanOrEqual(95);
      expect(gaps[1]).toBeGreaterThanOrEqual(195);
      expect(gaps[2]).toBeGreaterThanOrEqual(395);
      await expect.poll(() => queue.list("dead"), soon).toEqual([]);
    });

    it("keeps what failed to the end among the dead, where it can be retried and purged", async () => {
      let isBroken = true;
      const { job, seen } = noting(() => {
        if (isBroken) throw new Error("the printer is on fire");
      });
      const { queue } = await open({ jobs: [job] });
      const options = { attempts: 2, backoff: atOnce };
      const id = await queue.enqueue(job, "one", options);
      const other = await queue.enqueue(job, "two", options);
      await expect.poll(async () => (await queue.list("dead")).length, soon).toBe(2);
      const dead = { id, name: "noted", state: "dead", failedAttempts: 2, error: "the printer is on fire" };
      expect(await queue.find(id)).toMatchObject(dead);
      expect(await queue.purge(other)).toBe(1);
      expect(await queue.purge(other)).toBe(0);
      isBroken = false;
      expect(await queue.retry()).toBe(1);
      await expect.poll(() => seen.filter((each) => each === "one").length, soon).toBe(3);
      await expect.poll(() => queue.list("dead"), soon).toEqual([]);
    });

    it("tries a job whose payload broke its schema on the way only once", async () => {
      const old = defineJob("changed", z.string(), () => undefined);
      const now = defineJob("changed", z.number(), () => undefined);
      const { queue } = await open({ jobs: [now] });
      const id = await queue.enqueue(old, "text", { backoff: atOnce });
      await expect.poll(async () => (await queue.find(id))?.state, soon).toBe("dead");
      expect(await queue.find(id)).toMatchObject({
        failedAttempts: 1,
        error: expect.stringContaining("breaks its schema"),
      });
    });

    it("tries a job again whose handler fails to enqueue another one", async () => {
      const { job, seen } = noting(async (_, { attempt }) => {
        const bad: unknown = attempt === 1 ? 1 : "good";
        await queue.enqueue(other, bad as string);
      });
      const other = defineJob("other", z.string(), (payload) => void seen.push(payload));
      const { queue } = await open({ jobs: [job, other] });
      await queue.enqueue(job, "one", { backoff: atOnce });
      await expect.poll(() => seen, soon).toEqual(["one", "one", "good"]);
    });

    it("tries a job again that this process does not know, as a newer one may", async () => {
      const { job } = noting();
      const { queue } = await open({ jobs: [defineJob("known", z.string(), () => undefined)] });
      const id = await queue.enqueue(job, "one", { attempts: 3, backoff: atOnce });
      await expect.poll(async () => (await queue.find(id))?.state, soon).toBe("dead");
      expect(await queue.find(id)).toMatchObject({
        failedAttempts: 3,
        error: expect.stringContaining("nothing handles jobs named 'noted'"),
      });
    });

    it.each([undefined, null, "a word"])("takes a rejection with %s for a failure", async (thrown) => {
      const { job } = noting(() => Promise.reject(thrown));
      const { queue } = await open({ jobs: [job] });
      const id = await queue.enqueue(job, "one", { attempts: 2, backoff: atOnce });
      await expect.poll(async () => (await queue.find(id))?.state, soon).toBe("dead");
      expect(await queue.find(id)).toMatchObject({ failedAttempts: 2, error: String(thrown) });
    });

    it("retries each dead job once, also while a worker lets them die again", async () => {
      const { job, seen } = noting(() => Promise.reject(new Error("never")));
      const { queue } = await open({ jobs: [job], concurrency: 10 });
      const count = name === "memory" ? 1_001 : 20;
      const numbers = [...Array(count).keys()].map(String);
      await Promise.all(numbers.map((each) => queue.enqueue(job, each, { attempts: 1 })));
      await expect.poll(() => seen.length, soon).toBe(count);
      await expect.poll(async () => (await queue.list("active")).length, soon).toBe(0);
      seen.length = 0;
      expect(await queue.retry()).toBe(count);
      await expect.poll(() => seen.length, soon).toBe(count);
      expect(new Set(seen)).toEqual(new Set(numbers));
    });

    it("refuses a payload that breaks its schema before anything is kept", async () => {
      const { job } = noting();
      const { queue } = await open();
      const bad: unknown = { admin: true };
      await expect(queue.enqueue(job, bad as string)).rejects.toMatchObject({
        code: "job_payload_invalid",
        statusCode: 400,
      });
      expect(await queue.list("waiting")).toEqual([]);
    });

    it("cancels a job that waits, and fires the signal of one that runs", async () => {
      let reason: unknown;
      const { job, seen } = noting((_, { signal }) => {
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason);
          });
        });
      });
      const { queue } = await open({ jobs: [job] });
      const running = await queue.enqueue(job, "running");
      const waiting = await queue.enqueue(job, "waiting");
      await expect.poll(() => seen, soon).toEqual(["running"]);
      expect(await queue.cancel(waiting)).toBe(true);
      expect(await queue.cancel(running)).toBe(true);
      await expect.poll(() => reason, soon).toBeDefined();
      await expect.poll(async () => (await queue.find(running))?.state, soon).toBe("dead");
      expect(await queue.find(waiting)).toBeUndefined();
      expect(seen).toEqual(["running"]);
    });

    it("waits for running jobs when it closes", async () => {
      let hasEnded = false;
      const { job, seen } = noting(async () => {
        await sleep(300);
        hasEnded = true;
      });
      const jobs = await open({ jobs: [job] });
      await jobs.queue.enqueue(job, "slow");
      await expect.poll(() => seen, soon).toEqual(["slow"]);
      await jobs.close();
      expect(hasEnded).toBe(true);
    });

    it("ends in time although a handler does not, and gives its job back without a lost attempt", async () => {
      const name = `q-${randomUUID()}`;
      const endless = noting(() => new Promise(() => undefined));
      const jobs = await driver.open(name, { jobs: [endless.job], concurrency: 1, shutdownTimeoutMs: 100 });
      opened.push(jobs);
      await jobs.queue.enqueue(endless.job, "endless", { attempts: 1 });
      await expect.poll(() => endless.seen, soon).toEqual(["endless"]);
      const from = performance.now();
      await jobs.close();
      expect(performance.now() - from).toBeLessThan(5_000);
      // Jobs in memory end with their process; test/jobs/memory.test.ts has two workers of one queue.
      if (jobs.queue.driver === "memory") return;
      // With one attempt, a job whose lock ran out would be dead: another worker gets it only when it was given back.
      const { job, seen } = noting();
      const later = await driver.open(name, { jobs: [job], concurrency: 1 });
      opened.push(later);
      await expect.poll(() => seen, soon).toEqual(["endless"]);
      expect(await later.queue.list("dead")).toEqual([]);
    });

    it("tells how far a job is", async () => {
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { job } = noting(async (_, { progress }) => {
        await progress({ done: 3, of: 4 });
        await held;
      });
      const { queue } = await open({ jobs: [job] });
      const id = await queue.enqueue(job, "x");
      await expect.poll(async () => (await queue.find(id))?.progress, soon).toEqual({ done: 3, of: 4 });
      release();
    });

    it("makes jobs by an interval until the schedule is removed", async () => {
      const { job, seen } = noting();
      const { scheduler } = await open({ jobs: [job] });
      await scheduler.every(150, job, "tick");
      await expect.poll(() => seen.length, soon).toBeGreaterThanOrEqual(3);
      expect(await scheduler.list()).toMatchObject([{ id: "noted", name: "noted" }]);
      expect(await scheduler.remove("noted")).toBe(true);
      expect(await scheduler.remove("noted")).toBe(false);
      expect(await scheduler.list()).toEqual([]);
    });

    it("makes jobs by a cron pattern with seconds", async () => {
      const { job, seen } = noting();
      const { scheduler } = await open({ jobs: [job] });
      await scheduler.cron("* * * * * *", job, "tick");
      await expect.poll(() => seen.length, soon).toBeGreaterThanOrEqual(2);
    });

    it.each([
      ["that the clock skips", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00.000Z"],
      ["after the clock went forward", "2027-03-28T12:00:00Z", "2027-03-29T00:30:00.000Z"],
      ["that the clock shows twice", "2027-10-30T12:00:00Z", "2027-10-31T00:30:00.000Z"],
      ["after the clock went back", "2027-10-31T00:31:00Z", "2027-11-01T01:30:00.000Z"],
    ])("knows the next time of a cron in a time zone: one %s", async (_, startAt, next) => {
      const { job } = noting();
      const { scheduler } = await open();
      await scheduler.cron("30 2 * * *", job, "x", { timeZone: "Europe/Berlin", startAt: new Date(startAt) });
      expect(await scheduler.list()).toEqual([{ id: "noted", name: "noted", nextRunAt: new Date(next) }]);
    });

    it("refuses a pattern and a time zone that are none", async () => {
      const { job } = noting();
      const { scheduler } = await open();
      const refusal = { code: "job_options_invalid" };
      await expect(scheduler.cron("every day", job, "x")).rejects.toMatchObject(refusal);
      await expect(scheduler.cron("0 0 * * *", job, "x", { timeZone: "Mars/Olympus" })).rejects.toMatchObject(
        refusal,
      );
      await expect(scheduler.cron("0 0 30 2 *", job, "x")).rejects.toMatchObject(refusal);
    });

    it.each(["0 0 3 * * * 2999", "0 0 3 * * * *", "2999-01-01T00:00:00Z", "1 Jan 2999 00:00:00 GMT"])(
      "refuses a pattern that can end: %s",
      async (pattern) => {
        const { job } = noting();
        const { scheduler } = await open();
        await expect(scheduler.cron(pattern, job, "x")).rejects.toMatchObject({
          code: "job_options_invalid",
        });
        await scheduler.cron(" @daily ", job, "x");
        expect(await scheduler.list()).toHaveLength(1);
      },
    );

    it("makes no jobs for the runs between a startAt in the past and now", async () => {
      const { job, seen } = noting();
      const { scheduler } = await open({ jobs: [job] });
      const from = Date.now();
      await scheduler.cron("* * * * * *", job, "tick", { startAt: new Date(from - 3_600_000) });
      await expect.poll(() => seen.length, soon).toBeGreaterThanOrEqual(2);
      expect(seen.length).toBeLessThanOrEqual((Date.now() - from) / 1_000 + 1);
    });
  });
}
