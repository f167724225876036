import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyJob, easyJobs, type Jobs, sweepJob } from "svc-infra/jobs";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

const soon = { timeout: 60_000, interval: 10 };
const backoff = { type: "fixed", delayMs: 1, jitter: 0 } as const;
let source: Storage;
let target: Storage;
let jobs: Jobs | undefined;

beforeEach(() => {
  source = new Storage(new MemoryBackend());
  target = new Storage(new MemoryBackend());
});
afterEach(async () => {
  vi.useRealTimers();
  await jobs?.close();
  await Promise.all([source.close(), target.close()]);
});

it("storage-copy copies what the target has not got yet, under a prefix", async () => {
  const keys = ["invoices/1.txt", "invoices/2.txt", "notes/1.txt"];
  for (const key of keys) await source.put(key, `content of ${key}`);
  const copy = copyJob(source, target);
  jobs = await easyJobs({ jobs: [copy] }, { env: {} });
  const id = await jobs.queue.enqueue(copy, { prefix: "invoices/", verify: true });
  await expect.poll(() => jobs?.queue.find(id), soon).toBeUndefined();
  expect(await target.listKeys()).toEqual(["invoices/1.txt", "invoices/2.txt"]);
  expect(Buffer.from(await target.get("invoices/2.txt")).toString()).toBe("content of invoices/2.txt");
});

it("storage-copy fails while objects are missing, and its next attempt copies them", async () => {
  for (const key of ["a.txt", "b.txt"]) await source.put(key, key);
  const backend = new MemoryBackend();
  const write = backend.write.bind(backend);
  let isBroken = true;
  backend.write = async (key, ...rest) => {
    if (isBroken && key === "b.txt") throw new Error("this object is cursed");
    return write(key, ...rest);
  };
  const half = new Storage(backend);
  const copy = copyJob(source, half);
  jobs = await easyJobs({ jobs: [copy] }, { env: {} });
  const id = await jobs.queue.enqueue(copy, {}, { attempts: 1, backoff });
  await expect.poll(async () => (await jobs?.queue.find(id))?.state, soon).toBe("dead");
  expect((await jobs.queue.find(id))?.error).toMatch(/^1 objects could not be copied: b\.txt/);
  expect(await half.listKeys()).toEqual(["a.txt"]);
  isBroken = false;
  await jobs.queue.retry(id);
  await expect.poll(() => half.listKeys(), soon).toEqual(["a.txt", "b.txt"]);
  await half.close();
});

it("storage-copy refuses a payload that breaks its schema", async () => {
  const copy = copyJob(source, target);
  jobs = await easyJobs({ jobs: [copy] }, { env: {} });
  const bad: unknown = { prefix: "a/", target: "elsewhere" };
  await expect(jobs.queue.enqueue(copy, bad as object)).rejects.toMatchObject({
    code: "job_payload_invalid",
  });
});

it("storage-sweep removes what an abandoned upload left, as JOBS_SCHEDULE_JSON plans it", async () => {
  const basePath = await mkdtemp(join(tmpdir(), "svc-infra-sweep-"));
  const baseUrl = "http://127.0.0.1:1/files";
  const storage = new Storage(new LocalBackend({ basePath, baseUrl, durability: "fast" }));
  await storage.prepareUpload("d/a.txt", { size: 5, contentType: "text/plain" });
  expect(await storage.sweep({ dryRun: true })).toMatchObject({ staged: 0, alive: 1 });
  // The lease has ended by then.
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.now() + 700_000_000);
  const env = { JOBS_SCHEDULE_JSON: '[{"job":"storage-sweep","everyMs":100}]' };
  jobs = await easyJobs({ jobs: [sweepJob(storage)] }, { env });
  const left = async () => {
    const { staged, alive } = await storage.sweep({ dryRun: true });
    return staged + alive;
  };
  await expect.poll(left, soon).toBe(0);
  await jobs.close();
  await storage.close();
  await rm(basePath, { recursive: true });
});
