import { RetryBudget, retry, Storage, type StorageError } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { type FaultMaker, slowDown } from "../rigs/fault-plan.js";
import { type FaultProxy, startFaultProxy } from "../rigs/fault-proxy.js";
import { s3Options } from "../rigs/s3-options.js";
import type { S3Rig } from "../rigs/s3-rig.js";
import { FaultyWriter, type WriterOutcome } from "./faulty-writer.js";
import { openConnections } from "./open-connections.js";

const operations = Number(process.env.FAULTY_OPERATIONS ?? 1000);
const writerCount = 20;
const faultRate = 0.2;

/** Faults that a client can tell: of the part of an object, of a listing and of an upload in parts it has no checksum. */
const corrupt: FaultMaker = (random, { method, url = "", headers }) => {
  const isWhole =
    method === "GET" && !url.includes("?") && !url.endsWith("/large") && headers.range === undefined;
  return { kind: isWhole ? "corrupt" : "cutDown", share: random() };
};
const faults: readonly FaultMaker[] = [
  () => ({ kind: "refuse" }),
  (random) => ({ kind: "cutUp", share: random() }),
  (random) => ({ kind: "cutDown", share: random() }),
  () => ({ kind: "loseAnswer" }),
  () => slowDown(0),
  () => ({ kind: "answer", status: 500, body: "<Error><Code>InternalError</Code></Error>" }),
  () => ({ kind: "delay", ms: 5 }),
  corrupt,
];

let rig: S3Rig;
let proxy: FaultProxy;
let backend: S3Backend;

beforeAll(async () => {
  rig = await startCeph();
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  proxy = await startFaultProxy(rig.endpoint, { seed: 20 });
  backend = new S3Backend(s3Options(rig, proxy.endpoint));
});
afterEach(async () => {
  await backend.close();
  await proxy.stop();
});

/** Everyone at once, in faults; then each looks at what is left, without. */
async function runLanes(storage: Storage, group: string, isNotApplied: (error: StorageError) => boolean) {
  proxy.plan.mix(faultRate, ...faults);
  const writers = Array.from({ length: writerCount }, (_, index) => {
    const name = `${group}-${String(index).padStart(2, "0")}`;
    return new FaultyWriter({ name, storage, proxy, isNotApplied, random: randomNumbers(index) });
  });
  await Promise.all(writers.map((writer) => writer.run(operations / writerCount)));
  proxy.plan.clear();
  const faulty = writers.flatMap(({ outcomes }) => outcomes);
  for (const writer of writers) await writer.settle();
  return faulty;
}

/** How often each end came. */
function countsOf(outcomes: readonly WriterOutcome[]): Partial<Record<WriterOutcome["end"], number>> {
  const counts: Partial<Record<WriterOutcome["end"], number>> = {};
  for (const { end } of outcomes) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}

/** What was in use goes back to the pool, and closing the pool closes everything. */
async function expectIdle(): Promise<void> {
  await expect.poll(() => proxy.busy, { timeout: 10_000 }).toEqual([]);
  expect(proxy.connections).toBeLessThanOrEqual(64);
  await backend.close();
  const port = Number(new URL(proxy.endpoint).port);
  // Sooner than an idle connection would end by itself.
  await expect.poll(() => openConnections(port), { timeout: 2000 }).toBe(0);
}

describe(`${operations} operations on a wire on which one request of five fails`, () => {
  it("each is done or fails as its fault does, and nothing that was told as not done was done", async () => {
    const storage = new Storage(backend);
    const outcomes = await runLanes(
      storage,
      "once",
      ({ cause }) => backend.classify(cause).applied === false,
    );
    expect(outcomes).toHaveLength(operations);
    const { done = 0, ...failed } = countsOf(outcomes);
    expect(done).toBeGreaterThan(operations / 2);
    expect(failed).toMatchObject({
      unavailable: expect.any(Number),
      rate_limited: expect.any(Number),
      corrupt: expect.any(Number),
    });
    const kinds = ["refuse", "cutUp", "cutDown", "loseAnswer", "answer", "delay", "corrupt"];
    expect(Object.keys(proxy.counts).sort()).toEqual(kinds.sort());
    await expectIdle();
  }, 600_000);

  it("with retries none fails but what could be done twice, or what can be read only once", async () => {
    const patience = {
      attempts: 12,
      baseDelayMs: 1,
      maxDelayMs: 10,
      budget: new RetryBudget(Number.MAX_SAFE_INTEGER),
    };
    const storage = new Storage(backend).with(retry(patience));
    const outcomes = await runLanes(storage, "patient", () => false);
    const failed = outcomes.filter(({ end }) => ["unavailable", "rate_limited"].includes(end));
    expect(failed.filter(({ call }) => call !== "create" && call !== "put stream")).toEqual([]);
    await expectIdle();
  }, 600_000);
});

describe("a fault on the way to S3", () => {
  it("that is a busy service says how long to wait", async () => {
    proxy.plan.next(slowDown(7));
    const failure = new Storage(backend).get("k");
    await expect(failure).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 7000 });
  });

  it("that is no answer at all ends by the caller's time limit, and frees the connection", async () => {
    proxy.plan.next({ kind: "hang" });
    const failure = new Storage(backend).get("k", { signal: AbortSignal.timeout(300) });
    await expect(failure).rejects.toMatchObject({ code: "timeout" });
    await expectIdle();
  });

  it("that is no service at all is unavailable, and certainly nothing was done", async () => {
    await proxy.stop();
    const failure = await new Storage(backend).put("k", "content").catch((error: StorageError) => error);
    expect(failure).toMatchObject({ code: "unavailable" });
    expect(backend.classify((failure as StorageError).cause).applied).toBe(false);
    proxy = await startFaultProxy(rig.endpoint);
  });
});

/** Numbers from 0 to 1 that depend on nothing but the seed (Park and Miller's generator). */
function randomNumbers(seed: number): () => number {
  let state = (seed * 7919 + 12_345) % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
