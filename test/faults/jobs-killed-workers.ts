import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineJob, type Jobs } from "svc-infra/jobs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

const count = Number(process.env.KILLED_WORKER_JOBS ?? 100);
const within = { timeout: 60_000, interval: 20 };
const payload = z.object({ number: z.number(), ms: z.number(), error: z.string().optional() });
const work = defineJob("work", payload, () => undefined);

/** Jobs of a running server, and what a worker of them is told by its environment. */
export interface OpenedJobs {
  readonly env: Readonly<Record<string, string>>;
  readonly jobs: Jobs;
  close(): Promise<void>;
}

/** Kills the workers of jobs while they work. */
export function describeKilledWorkers(name: string, open: () => Promise<OpenedJobs>): void {
  describe(`jobs in ${name}`, () => {
    let folder: string;
    let opened: OpenedJobs;
    let workers: ChildProcess[];

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "killed-workers-"));
      workers = [];
      opened = await open();
    });
    afterEach(async () => {
      await Promise.all(workers.map(kill));
      await opened.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const startWorker = (settings: Readonly<Record<string, string>> = {}) => {
      const { PATH = "" } = process.env;
      const env = { PATH, HANDLED: join(folder, "handled"), ...opened.env, ...settings };
      const child = spawn(process.execPath, ["test/faults/jobs-worker.js"], { env, stdio: "inherit" });
      workers.push(child);
      return child;
    };
    const numbers = (word: "began" | "ended") => {
      const file = join(folder, "handled");
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
      return lines.filter((line) => line.startsWith(word)).map((line) => Number(line.split(" ")[1]));
    };

    const enqueueAll = async () => {
      const numbersToDo = [...Array(count).keys()].values();
      const enqueueSome = async () => {
        for (const number of numbersToDo) await opened.jobs.queue.enqueue(work, { number, ms: 20 });
      };
      await Promise.all(Array.from({ length: 8 }, enqueueSome));
    };
    const untilEnded = (part: number) =>
      expect.poll(() => numbers("ended").length, within).toBeGreaterThanOrEqual(count * part);
    /** Between two jobs a worker has none in hand: then it goes on to the next, and dies amid that. */
    const killAmidJobs = async (killed: readonly ChildProcess[]) => {
      const isAmidJobs = () => numbers("began").length > numbers("ended").length;
      await expect.poll(() => stoppedAmid(killed, isAmidJobs), { ...within, interval: 1 }).toBe(true);
      await Promise.all(killed.map(kill));
      expect(isAmidJobs()).toBe(true);
    };
    const expectAllHandled = async () => {
      for (let started = 0; started < 4; started++) startWorker();
      await expect.poll(() => new Set(numbers("ended")).size, within).toBe(count);
      expect(await opened.jobs.queue.list("dead")).toEqual([]);
    };

    it("are all handled within 30 s, and none is dead, though four workers are killed one after another", async () => {
      await enqueueAll();
      for (let killed = 0; killed < 4; killed++) {
        const worker = startWorker();
        await untilEnded((killed + 1) / 8);
        await killAmidJobs([worker]);
      }
      await expectAllHandled();
    });

    it("are all handled within 30 s, and none is dead, though four workers are killed together", async () => {
      await enqueueAll();
      const together = [startWorker(), startWorker(), startWorker(), startWorker()];
      await untilEnded(1 / 4);
      await killAmidJobs(together);
      await expectAllHandled();
    });

    it("are taken over within 15 s after the kill of their worker", async () => {
      const { queue } = opened.jobs;
      const one = { JOBS_CONCURRENCY: "1" };
      const killed = startWorker(one);
      await queue.enqueue(work, { number: 1, ms: 600_000 });
      await expect.poll(() => numbers("began"), within).toEqual([1]);
      startWorker(one);
      await queue.enqueue(work, { number: 2, ms: 1 });
      await expect.poll(() => numbers("ended"), within).toEqual([2]);
      const from = performance.now();
      await kill(killed);
      await expect.poll(() => numbers("began"), within).toEqual([1, 2, 1]);
      expect(performance.now() - from).toBeLessThan(15_000);
    });

    it("are dead with the error of their last attempt at once when a worker was killed before", async () => {
      const { queue } = opened.jobs;
      const backoff = { type: "fixed", delayMs: 600_000 } as const;
      const failing = { number: 1, ms: 1_000, error: "the printer is on fire" };
      const id = await queue.enqueue(work, failing, { attempts: 2, backoff });
      const worker = startWorker({ WORK_MS: "600000" });
      await expect.poll(() => numbers("began"), within).toEqual([1]);
      await kill(worker);
      startWorker();
      await expect.poll(() => numbers("began"), within).toEqual([1, 1]);
      await expect.poll(async () => (await queue.find(id))?.state, within).not.toBe("active");
      expect(await queue.find(id)).toMatchObject({ state: "dead", error: failing.error });
    });

    it("come back with all their attempts when they died with their worker and are retried", async () => {
      const { queue } = opened.jobs;
      const id = await queue.enqueue(work, { number: 1, ms: 1_000 }, { attempts: 1 });
      const worker = startWorker({ WORK_MS: "600000" });
      await expect.poll(() => numbers("began"), within).toEqual([1]);
      await kill(worker);
      startWorker();
      await expect.poll(async () => (await queue.list("dead")).map((job) => job.id), within).toEqual([id]);
      expect(numbers("began")).toEqual([1]);
      expect(await queue.retry(id)).toBe(1);
      await expect.poll(() => numbers("ended"), within).toEqual([1]);
      expect(await queue.list("dead")).toEqual([]);
    });
  });
}

/** Stops the workers for good if they have jobs in hand. */
function stoppedAmid(workers: readonly ChildProcess[], isAmidJobs: () => boolean): boolean {
  for (const child of workers) child.kill("SIGSTOP");
  if (isAmidJobs()) return true;
  for (const child of workers) child.kill("SIGCONT");
  return false;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
