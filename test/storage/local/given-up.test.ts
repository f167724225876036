import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { checksumOf } from "svc-infra/storage";
import { afterEach, describe, expect, it, vi } from "vitest";
import { copyObject } from "#dist/storage/backends/local/copy.js";
import { thisHolder } from "#dist/storage/backends/local/holder.js";
import { JobState, newJobStates } from "#dist/storage/backends/local/job-state.js";
import { publishAll } from "#dist/storage/backends/local/publish.js";
import { draftOf, recordText } from "#dist/storage/backends/local/record.js";
import { removeObject } from "#dist/storage/backends/local/remove.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { WaitingJob } from "#dist/storage/backends/local/waiting-job.js";
import { freshStorage, outcomeOf } from "./fresh-store.js";

const part = randomBytes(16 * 1024 * 1024);
const parts = 12;

/** An upload that takes a while to put together. */
async function largeUpload() {
  const { base, storage } = await freshStorage();
  const upload = await storage.createUpload("large");
  for (let number = 1; number <= parts; number++) await upload.writePart(number, part);
  return { base, storage, upload };
}

describe("a change that is given up", () => {
  it("while parts are put together ends with the signal's reason and never happens", async () => {
    const { base, storage, upload } = await largeUpload();
    const completion = upload.complete({ signal: AbortSignal.timeout(5) });
    expect(await outcomeOf(completion)).toBe("timeout");
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
    await pause(300);
    expect(await storage.exists("large")).toBe(false);
    expect((await upload.complete()).size).toBe(parts * part.byteLength);
    const copy = storage.copy("large", "copied", { signal: AbortSignal.timeout(5) });
    expect(await outcomeOf(copy)).toBe("timeout");
    await pause(300);
    expect(await storage.listKeys()).toEqual(["large"]);
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });

  it("is one signal for many keys, of which Node warns of no leak", async () => {
    const { storage } = await freshStorage();
    const keys = Array.from({ length: 50 }, (_, index) => `a/${index}`);
    await Promise.all(keys.map((key) => storage.put(key, "content")));
    const warning = vi.spyOn(process, "emitWarning");
    const { signal } = new AbortController();
    expect(await storage.deleteMany(keys, { signal })).toEqual([]);
    expect(warning).not.toHaveBeenCalled();
    expect(await storage.listKeys()).toEqual([]);
  });

  it("before its turn ends at once, and what holds the key goes on", async () => {
    const { storage, upload } = await largeUpload();
    const completion = upload.complete();
    const queued = storage.put("large", "x", { signal: AbortSignal.timeout(5) });
    expect(await outcomeOf(queued)).toBe("timeout");
    expect(await storage.exists("large")).toBe(false);
    await completion;
    expect((await storage.getMetadata("large")).size).toBe(parts * part.byteLength);
  });

  it("at any moment says truly whether it happened", async () => {
    const { storage } = await freshStorage({ durability: "full" });
    await storage.put("from", Buffer.alloc(200_000));
    const outcomes = new Map<string, string>();
    const tries = Array.from({ length: 400 }, async (_, index) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), Math.random() * 150);
      const { signal } = controller;
      const key = `k${index}`;
      const change =
        index % 2 === 0 ? storage.put(key, "x", { signal }) : storage.copy("from", key, { signal });
      outcomes.set(key, await outcomeOf(change));
    });
    await Promise.all(tries);
    const there = new Set(await storage.listKeys({ limit: 1000 }));
    const happened = [...outcomes].filter(([, outcome]) => outcome === "done");
    expect([...there].sort()).toEqual(["from", ...happened.map(([key]) => key)].sort());
    await pause(200);
    expect(await storage.listKeys({ limit: 1000 })).toHaveLength(there.size);
    expect(new Set(outcomes.values())).toEqual(new Set(["done", "aborted"]));
  });
});

describe("a running job that is called off", () => {
  const state = new JobState(newJobStates(), 0);
  const conditions = { ifAbsent: false, ifMatch: undefined };

  async function freshStore() {
    const { base, storage } = await freshStorage();
    await storage.put("old", "x");
    state.reset();
    state.begin();
    state.callOff();
    const store = new Store({ base, holder: thisHolder(base), isDurable: false, id: base });
    return { base, storage, store };
  }

  it.each([true, false])("does not become visible, and leaves nothing behind", async (ifAbsent) => {
    const { base, storage, store } = await freshStore();
    const description = { contentType: "text/plain", filename: undefined, metadata: {} };
    const draft = draftOf(description, 3, checksumOf(Buffer.from("new")));
    const record = Buffer.from(recordText("new", store.holderText, draft));
    const publication = { ...conditions, ifAbsent, key: "new", state, content: Buffer.from("new"), record };
    expect(await publishAll(store, [publication])).toMatchObject([{ error: { kind: "aborted" } }]);
    expect(() => copyObject(store, { ...conditions, from: "old", to: "new", version: "1", state })).toThrow(
      "given up",
    );
    expect(await storage.listKeys()).toEqual(["old"]);
    for (const folder of ["tmp", "pending"])
      expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
  });

  it("removes nothing", async () => {
    const { base, storage, store } = await freshStore();
    expect(() => removeObject(store, { key: "old", version: "1", state })).toThrow("given up");
    expect(await storage.exists("old")).toBe(true);
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
  });
});

describe("progress", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("of a running job is told once a second while bytes move, and not after its end", () => {
    vi.useFakeTimers();
    const states = newJobStates();
    const onProgress = vi.fn();
    const job = new WaitingJob({
      store: {
        base: "",
        holder: { host: "", pid: 1, startedAt: "", user: "" },
        isDurable: false,
        id: "",
      },
      kind: "copy",
      job: {},
      payload: undefined,
      text: undefined,
      room: 0,
      signal: undefined,
      onProgress,
      settle: () => undefined,
    });
    const [ours, theirs] = [new JobState(states, 3), new JobState(states, 3)];
    job.join(ours);
    expect(theirs.begin()).toBe(true);
    vi.advanceTimersByTime(3000);
    expect(onProgress).toHaveBeenCalledTimes(0);
    theirs.step();
    theirs.step();
    vi.advanceTimersByTime(5000);
    expect(onProgress).toHaveBeenCalledTimes(1);
    theirs.step();
    job.settle({ value: true }, new Uint8Array(0));
    vi.advanceTimersByTime(5000);
    expect(onProgress).toHaveBeenCalledTimes(1);
  });
});
