import { RetryBudget, retry, Storage, type StorageError } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "../rigs/azurite.js";
import type { FaultMaker } from "../rigs/fault-plan.js";
import { type FaultProxy, startFaultProxy } from "../rigs/fault-proxy.js";
import { FaultyWriter, type WriterOutcome } from "./faulty-writer.js";

const operations = Number(process.env.FAULTY_OPERATIONS ?? 1000);
const writerCount = 20;
const faultRate = 0.2;

const busy = (status: number, code: string, headers = {}) => ({
  kind: "answer" as const,
  status,
  headers: { "x-ms-error-code": code, "content-type": "application/xml", ...headers },
  body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
});

/** Faults that a client can tell: of the part of an object and of a listing it has no checksum. */
const corrupt: FaultMaker = (random, { method, url = "", headers }) => {
  const range = headers.range ?? headers["x-ms-range"];
  const isWhole = method === "GET" && !url.includes("?") && !url.endsWith("/large") && range === undefined;
  return { kind: isWhole ? "corrupt" : "cutDown", share: random() };
};
const faults: readonly FaultMaker[] = [
  () => ({ kind: "refuse" }),
  (random) => ({ kind: "cutUp", share: random() }),
  (random) => ({ kind: "cutDown", share: random() }),
  () => ({ kind: "loseAnswer" }),
  () => busy(503, "ServerBusy", { "retry-after": "0" }),
  () => busy(500, "InternalError"),
  () => ({ kind: "delay", ms: 5 }),
  corrupt,
];

let rig: AzuriteRig;
let proxy: FaultProxy;
let backend: AzureBackend;

beforeAll(async () => {
  rig = await startAzurite();
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  const { origin, pathname } = new URL(rig.endpoint);
  proxy = await startFaultProxy(origin, { seed: 20 });
  const { account, accountKey } = rig;
  const endpoint = `${proxy.endpoint}${pathname}`;
  backend = new AzureBackend({ container: "svc-infra", account, accountKey, endpoint });
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

function countsOf(outcomes: readonly WriterOutcome[]): Partial<Record<WriterOutcome["end"], number>> {
  const counts: Partial<Record<WriterOutcome["end"], number>> = {};
  for (const { end } of outcomes) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
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
    await expect.poll(() => proxy.busy, { timeout: 10_000 }).toEqual([]);
  }, 600_000);

  it("with retries none fails but what could be done twice, or what can be read only once", async () => {
    const budget = new RetryBudget(Number.MAX_SAFE_INTEGER);
    const patience = { attempts: 12, baseDelayMs: 1, maxDelayMs: 10, budget };
    const storage = new Storage(backend).with(retry(patience));
    const outcomes = await runLanes(storage, "patient", () => false);
    const failed = outcomes.filter(({ end }) => ["unavailable", "rate_limited"].includes(end));
    expect(failed.filter(({ call }) => call !== "create" && call !== "put stream")).toEqual([]);
    await expect.poll(() => proxy.busy, { timeout: 10_000 }).toEqual([]);
  }, 600_000);
});

/** Numbers from 0 to 1 that depend on nothing but the seed (Park and Miller's generator). */
function randomNumbers(seed: number): () => number {
  let state = (seed * 7919 + 12_345) % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
