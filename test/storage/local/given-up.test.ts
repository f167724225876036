import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseKey, Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { freshFolder, freshStorage, outcomeOf, textOf } from "./fresh-store.js";

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

  it("before its turn ends at once, and the writer that holds the key goes on", async () => {
    const { base, storage } = await freshStorage();
    await storage.check();
    // A lock of another process, which is respected for two seconds.
    await writeFile(join(base, ".svc-infra/pending/k"), "");
    const holder = storage.put("k", "holder");
    const queued = storage.put("k", "queued", { signal: AbortSignal.timeout(5) });
    expect(await outcomeOf(queued)).toBe("timeout");
    expect(await storage.exists("k")).toBe(false);
    await holder;
    expect(await textOf(storage.get("k"))).toBe("holder");
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

describe("progress", () => {
  it("of parts that are joined is told while bytes move", async () => {
    const backend = new LocalBackend({ basePath: await freshFolder(), durability: "fast" });
    onTestFinished(() => backend.close());
    const storage = new Storage(backend);
    const key = parseKey("large");
    const upload = await storage.createUpload(key);
    const parts = [await upload.writePart(1, part), await upload.writePart(2, part)];
    const options = { ifAbsent: false, ifMatch: undefined, signal: undefined };
    const onProgress = vi.fn();
    // The storage puts what ties an id to its key, and its lease, before what the backend knows.
    const id = upload.id.slice(upload.id.indexOf(":") + 1);
    await backend.completeUpload(key, id, parts, { ...options, onProgress });
    expect(onProgress.mock.calls.length).toBeGreaterThan(8);
  });
});
