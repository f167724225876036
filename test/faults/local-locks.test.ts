import { closeSync, openSync, realpathSync } from "node:fs";
import { readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { thisHolder } from "#dist/storage/backends/local/holder.js";
import { Lock } from "#dist/storage/backends/local/lock.js";
import { draftOf, recordOf, recordText, withHolder } from "#dist/storage/backends/local/record.js";
import { restore } from "#dist/storage/backends/local/restore-records.js";
import { Stamps } from "#dist/storage/backends/local/stamps.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { freshFolder, freshStorage, storageOn } from "../storage/local/fresh-store.js";

/** A store as a thread has it, on a folder that a storage has prepared. */
async function openedStore(folder?: string): Promise<Store> {
  const base = realpathSync(folder ?? (await freshFolder()));
  await storageOn(base).check();
  return new Store({ base, holder: thisHolder(base), isDurable: true, id: base });
}

describe("a lock", () => {
  it("that was broken before it had a name is not released from under its new holder", async () => {
    const store = await openedStore();
    const lock = new Lock(store, "a");
    const path = store.layout.pending("a");
    const held = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 3000);
    onTestFinished(() => held.mockRestore());
    await unlink(path);
    await writeFile(path, "of another");
    lock.release();
    expect(await readFile(path, "utf8")).toBe("of another");
    expect(() => lock.write(Buffer.from("{}"))).toThrow("taken over");
    lock.close();
  });

  it("of one who restores a record is respected by the writers of its own process", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "content", { metadata: { owner: "u1" } });
    const store = await openedStore(base);
    const sidecar = store.layout.sidecar("a");
    const text = await readFile(sidecar, "utf8");
    const record = recordOf({ text, record: undefined, file: { size: 0, stampUs: 0, inode: undefined } });
    if (record === undefined) throw new Error("no record");
    await rm(sidecar);
    const attempts: unknown[] = [];
    vi.spyOn(store.sync, "content").mockImplementation(() => {
      attempts.push(tryLock(store, "a"));
    });
    restore(store, { key: "a", record, text });
    expect(attempts).toEqual(["another writer holds the key"]);
    expect(JSON.parse(await readFile(sidecar, "utf8"))).toMatchObject({ metadata: { owner: "u1" } });
    expect((await storageOn(base).getMetadata("a")).metadata).toEqual({ owner: "u1" });
  });

  function tryLock(store: Store, key: string): string {
    try {
      new Lock(store, key).close();
      return "locked";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
});

describe("a stamp", () => {
  it("is not given twice while the body that is replaced lies ahead of the clock", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "content");
    const path = join(base, "a");
    const ahead = await stat(path);
    ahead.mtimeMs = Date.now() + 60_000;
    const file = openSync(path, "r+");
    onTestFinished(() => closeSync(file));
    const stamps = new Stamps();
    const given = Array.from({ length: 20 }, () => stamps.date(file, ahead));
    expect(new Set(given).size).toBeGreaterThan(10);
    expect(Math.min(...given)).toBeGreaterThan(ahead.mtimeMs * 1000);
  });
});

it("a record gets another holder, and keeps all else", () => {
  const metadata = { holder: '"holder":{"pid":1}' };
  const draft = draftOf({ contentType: "text/plain", filename: undefined, metadata }, 3, undefined);
  const text = recordText("a", '{"pid":1}', draft);
  expect(withHolder(text, '{"pid":2}')).toBe(recordText("a", '{"pid":2}', draft));
});
