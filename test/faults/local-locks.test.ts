import { closeSync, openSync, realpathSync } from "node:fs";
import { readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Lock } from "#dist/storage/backends/local/commit/lock.js";
import { BodyDates } from "#dist/storage/backends/local/record/body-date.js";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { freshFolder, freshStorage, storageOn } from "../storage/local/fresh-store.js";

/** A store as a thread has it, on a folder that a storage has prepared. */
async function openedStore(folder?: string): Promise<Store> {
  const base = realpathSync(folder ?? (await freshFolder()));
  await storageOn(base).check();
  return new Store({ base, owner: thisOwner(base), isDurable: true, unfolds: false });
}

describe("a lock", () => {
  it("that was broken before it had a name is not released from under its new owner", async () => {
    const store = await openedStore();
    const lock = new Lock(store, "a");
    const path = store.layout.lock("a");
    const held = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 3000);
    onTestFinished(() => held.mockRestore());
    await unlink(path);
    await writeFile(path, "of another");
    lock.release();
    expect(await readFile(path, "utf8")).toBe("of another");
    expect(() => lock.write("{}")).toThrow("taken over");
    lock.close();
  });
});

describe("the date of a body", () => {
  it("is not given twice while the body that is replaced lies ahead of the clock", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "content");
    const path = join(base, "a");
    const ahead = await stat(path);
    ahead.mtimeMs = Date.now() + 60_000;
    const file = openSync(path, "r+");
    onTestFinished(() => closeSync(file));
    const dates = new BodyDates();
    const given = Array.from({ length: 20 }, () => dates.date(file, ahead));
    expect(new Set(given).size).toBeGreaterThan(10);
    expect(Math.min(...given)).toBeGreaterThan(ahead.mtimeMs * 1000);
  });
});
