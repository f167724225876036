import { closeSync, openSync, realpathSync, unlinkSync, writeFileSync } from "node:fs";
import { readdir, readFile, rm, rmdir, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { commit } from "#dist/storage/backends/local/commit/commit.js";
import { Lock } from "#dist/storage/backends/local/commit/lock.js";
import { removeObject } from "#dist/storage/backends/local/commit/remove.js";
import { statObject } from "#dist/storage/backends/local/read/find.js";
import { BodyDates, setDate } from "#dist/storage/backends/local/record/body-date.js";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { draftOf } from "#dist/storage/backends/local/record/record.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { freshFolder, freshStorage, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

/** A store as a process has it, on a folder that a storage has prepared. */
async function openedStore(folder?: string, owner: object = {}): Promise<Store> {
  const base = realpathSync(folder ?? (await freshFolder()));
  await storageOn(base).check();
  return new Store({ base, owner: { ...thisOwner(base), ...owner }, isDurable: true, unfolds: false });
}

/** Puts without a turn at the key, as another process does. */
function put(store: Store, key: string, text: string) {
  const description = { contentType: "text/plain", filename: undefined, metadata: { text } };
  const draft = draftOf(description, text.length, undefined);
  return commit(store, { key, draft, ifAbsent: false, ifMatch: undefined }, Buffer.from(text));
}

/** Two hosts on one folder. The lock of the first one is 30 seconds old when it has synced it, and the other one goes on. */
async function slowHost(key: string, goOn: (other: Store) => Promise<unknown>) {
  const slow = await openedStore(undefined, { host: "slow" });
  const { base } = slow.layout;
  const other = await openedStore(base);
  const lock = slow.layout.lock(key);
  vi.spyOn(slow.sync, "content").mockImplementationOnce(async () => {
    await utimes(lock, new Date(Date.now() - 31_000), new Date(Date.now() - 31_000));
    await goOn(other);
  });
  return { slow, base, lock };
}

describe("a lock", () => {
  it("that was broken before it had a name is not released from under its new owner", async () => {
    const store = await openedStore();
    const path = store.layout.lock("a");
    const lock = new Lock(store, path);
    await unlink(path);
    await writeFile(path, "");
    lock.release();
    expect(await readFile(path, "utf8")).toBe("");
    expect(() => lock.write("{}")).toThrow("taken over");
    lock.close();
  });

  it("that is empty is broken only if it is the very file that was found to be old", async () => {
    const store = await openedStore();
    const path = store.layout.lock("a");
    await writeFile(path, "");
    await utimes(path, 1, 1);
    const { guard } = store;
    const at = guard.at.bind(guard);
    vi.spyOn(guard, "at").mockImplementation((...names) => {
      if (names[0].endsWith("!unwritten")) {
        unlinkSync(path);
        writeFileSync(path, "");
        vi.mocked(guard.at).mockImplementation(at);
      }
      return at(...names);
    });
    expect(() => new Lock(store, path)).toThrow("another writer");
    expect((await stat(path)).mtimeMs).toBeGreaterThan(1000);
  });
});

describe("a write whose lock another host took for left behind", () => {
  it("is not done, and what the other one acknowledged stays", async () => {
    const { slow, base } = await slowHost("a", (other) => put(other, "a", "of the other"));
    await expect(put(slow, "a", "of the slow one")).rejects.toMatchObject({ reason: "Busy" });
    const storage = storageOn(base);
    expect(await textOf(storage.get("a"))).toBe("of the other");
    expect((await storage.getMetadata("a")).metadata).toEqual({ text: "of the other" });
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
    expect(await outcomeOf(put(slow, "a", "again"))).toBe("done");
    expect(await textOf(storage.get("a"))).toBe("again");
  });

  it("removes nothing", async () => {
    const { slow, base } = await slowHost("a", (other) => put(other, "a", "of the other"));
    await storageOn(base).put("a", "old");
    await expect(removeObject(slow, { key: "a" })).rejects.toMatchObject({ reason: "Busy" });
    expect(await textOf(storageOn(base).get("a"))).toBe("of the other");
  });

  it("leaves the lock of the other one alone when it fails", async () => {
    const { slow, lock } = await slowHost("a", async () => {
      await unlink(lock);
      await writeFile(lock, "of the other");
      throw Object.assign(new Error("the disk fails"), { code: "EIO" });
    });
    expect(await outcomeOf(put(slow, "a", "x"))).toBe("EIO");
    expect(await readFile(lock, "utf8")).toBe("of the other");
  });

  it("leaves the lock of the other one alone when it was done before", async () => {
    const store = await openedStore();
    const lock = store.layout.lock("a");
    const folder = store.sync.folder.bind(store.sync);
    vi.spyOn(store.sync, "folder").mockImplementation(async (path) => {
      await folder(path);
      if (path !== store.layout.base) return;
      await unlink(lock);
      await writeFile(lock, "of the other");
    });
    await put(store, "a", "x");
    expect(await readFile(lock, "utf8")).toBe("of the other");
  });
});

describe("a lock that its owner cannot put away", () => {
  it.each(["the folder cannot be synced", "there is no place for the metadata"])(
    "is given up, so that other processes go on while it lives: %s",
    async (why) => {
      const store = await openedStore(undefined, { user: "another" });
      const { base } = store.layout;
      const obstacle = join(base, ".svc-infra/meta/t");
      if (why.startsWith("the folder")) {
        vi.spyOn(store.sync, "folder").mockImplementation(async (path) => {
          if (path === join(base, "t")) throw Object.assign(new Error("no descriptor"), { code: "EMFILE" });
        });
        expect(await outcomeOf(put(store, "t/a", "first"))).toBe("EMFILE");
      } else {
        await writeFile(obstacle, "");
        expect(await outcomeOf(put(store, "t/a", "first"))).toBe("done");
        await rm(obstacle);
      }
      const other = await openedStore(base);
      expect((await statObject(other, "t/a")).metadata).toEqual({ text: "first" });
      expect(await outcomeOf(put(other, "t/a", "second"))).toBe("done");
      expect(await textOf(storageOn(base).get("t/a"))).toBe("second");
      expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
    },
  );
});

describe("a folder that is removed while a write is synced", () => {
  it("is made again, and is in its synced parent before the write is acknowledged", async () => {
    const store = await openedStore();
    vi.spyOn(store.sync, "content").mockImplementationOnce(() => rmdir(join(store.layout.base, "t")));
    let end: () => void = () => undefined;
    const parent = new Promise<void>((resolve) => {
      end = resolve;
    });
    vi.spyOn(store.sync, "above").mockReturnValueOnce([]).mockReturnValueOnce([parent]);
    let isDone = false;
    const writing = put(store, "t/a", "x").finally(() => {
      isDone = true;
    });
    await pause(200);
    expect(isDone).toBe(false);
    end();
    expect((await writing).size).toBe(1);
  });
});

describe("a record that is kept in memory", () => {
  it("is not taken for that of another object with the same size and coarse date", async () => {
    const one = await openedStore();
    const other = await openedStore(one.layout.base);
    for (const { dates } of [one, other])
      vi.spyOn(dates, "date").mockImplementation((fd) => setDate(fd, 1_700_000_000_000_000).mtimeUs);
    await put(one, "a", "first");
    await removeObject(other, { key: "a" });
    await put(other, "a", "other");
    expect((await statObject(one, "a")).metadata).toEqual({ text: "other" });
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
