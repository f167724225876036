import { spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import {
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { checkpoint } from "#dist/storage/backends/local/checkpoint.js";
import { thisHolder } from "#dist/storage/backends/local/holder.js";
import { JobState, newJobStates } from "#dist/storage/backends/local/job-state.js";
import { recordsIn } from "#dist/storage/backends/local/journal-reader.js";
import { publish } from "#dist/storage/backends/local/publish.js";
import { draftOf, recordText } from "#dist/storage/backends/local/record.js";
import { restoreLost } from "#dist/storage/backends/local/restore-records.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { freshFolder, freshStorage, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

/** A process that is certainly gone. */
const deadPid = spawnSync(process.execPath, ["--version"]).pid;
const described = { contentType: "text/x-power", metadata: { owner: "u1" } };

const journalsOf = (base: string) => readdir(join(base, ".svc-infra/journal"));
const sidecarOf = (base: string, key: string) => join(base, ".svc-infra/meta", `${key}.meta.json`);

async function journalWith(base: string, line: string): Promise<string> {
  for (const name of await journalsOf(base))
    if ((await readFile(join(base, ".svc-infra/journal", name), "utf8")).includes(line)) return name;
  throw new Error(`no journal has ${line}`);
}

/** As if the machine had started anew since: no process of the old boot is known here. */
async function loseBoot(base: string): Promise<void> {
  await renameJournals(base, (name) => name.replace(/^[0-9a-f]{12}/, "0".repeat(12)));
}

async function renameJournals(base: string, rewrite: (name: string) => string): Promise<void> {
  const folder = join(base, ".svc-infra/journal");
  for (const name of await readdir(folder)) await rename(join(folder, name), join(folder, rewrite(name)));
}

/** A folder in which a durable store, which is still open, has put `small`, `twice`, `large` and `deep/copy`, and removed `gone`. */
async function written(): Promise<string> {
  const { base, storage } = await freshStorage({ durability: "full" });
  await storage.put("twice", "first", { metadata: { owner: "nobody" } });
  const puts = ["small", "twice", "gone"].map((key) => storage.put(key, key, described));
  await Promise.all(puts);
  await storage.put("large", Buffer.alloc(300_000, "large"), described);
  await storage.copy("large", "deep/copy");
  await storage.delete("gone");
  return base;
}

const keys = ["small", "twice", "large", "deep/copy"];

/** Each object as it was described, from a store that has just been opened. */
async function expectDescribed(base: string): Promise<void> {
  const storage = storageOn(base, { durability: "full" });
  for (const key of keys) {
    expect(await storage.getMetadata(key), key).toMatchObject(described);
    expect(await outcomeOf(storage.get(key)), key).toBe("done");
    expect(JSON.parse(await readFile(sidecarOf(base, key), "utf8"))).toMatchObject(described);
  }
  expect(await storage.exists("gone")).toBe(false);
  expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
  await storage.close();
}

describe("when the power fails before sidecars were written back", () => {
  it.each([
    ["are empty", (path: string) => truncate(path)],
    ["are cut off", (path: string) => truncate(path, 60)],
    ["are missing", (path: string) => rm(path)],
  ])("acknowledged objects keep their metadata: sidecars %s", async (_how, lose) => {
    const base = await written();
    await loseBoot(base);
    for (const key of keys) await lose(sidecarOf(base, key));
    await expectDescribed(base);
  });

  it("the whole metadata folder may be lost, and a lock be left that was never written", async () => {
    const base = await written();
    await loseBoot(base);
    await rm(join(base, ".svc-infra/meta"), { recursive: true });
    const pending = join(base, ".svc-infra/pending/small");
    await appendFile(pending, "");
    const past = new Date(Date.now() - 10_000);
    await utimes(pending, past, past);
    await expectDescribed(base);
  });

  /** A store with a lost record behind a lock of the boot before. */
  async function locked(): Promise<{ readonly base: string; readonly lock: string }> {
    const base = await written();
    await loseBoot(base);
    await rm(sidecarOf(base, "small"));
    const holder = { host: "the boot before", pid: 1, startedAt: "1", user: "0" };
    const lock = join(base, ".svc-infra/pending/small");
    await appendFile(lock, JSON.stringify({ format: 1, key: "small", holder, version: "0" }));
    return { base, lock };
  }

  it("nobody is told a guess while a lock is in the way of a record", async () => {
    const { base, lock } = await locked();
    const storage = storageOn(base, { durability: "full" });
    let isAnswered = false;
    const details = storage.getMetadata("small").finally(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(isAnswered).toBe(false);
    const past = new Date(Date.now() - 31_000);
    await utimes(lock, past, past);
    expect(await details).toMatchObject(described);
  });

  it("a lock in the way of one record keeps no other from being restored", async () => {
    const { base } = await locked();
    for (const key of ["twice", "large", "deep/copy"]) await rm(sidecarOf(base, key));
    const real = await realpath(base);
    const store = new Store({ base: real, holder: thisHolder(real), isDurable: true, id: real });
    expect(restoreLost(store)).toBe(false);
    for (const key of ["twice", "large", "deep/copy"])
      expect(JSON.parse(await readFile(sidecarOf(base, key), "utf8")), key).toMatchObject(described);
    await expect(stat(sidecarOf(base, "small"))).rejects.toThrow("ENOENT");
  });

  it("who waits for that is let go when the store is closed", async () => {
    const storage = storageOn((await locked()).base, { durability: "full" });
    const outcome = outcomeOf(storage.getMetadata("small"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await storage.close();
    expect(await outcome).toBe("unavailable");
  });

  it("a line that was torn, or is of another kind, leaves the others as they are", async () => {
    const base = await written();
    await loseBoot(base);
    const [name = ""] = await journalsOf(base);
    const journal = join(base, ".svc-infra/journal", name);
    const text = await readFile(journal, "utf8");
    await truncate(journal, 0);
    await appendFile(journal, `{"stampUs":\0\0\0\n{"format":2}\n[]\n${text}\n${text.slice(0, 40)}`);
    for (const key of keys) await rm(sidecarOf(base, key));
    await expectDescribed(base);
  });

  it("a last line is whole although the file has grown by one that never reached the disk", async () => {
    const base = await written();
    await loseBoot(base);
    for (const name of await journalsOf(base))
      await appendFile(join(base, ".svc-infra/journal", name), Buffer.alloc(700));
    for (const key of keys) await rm(sidecarOf(base, key));
    await expectDescribed(base);
  });

  it("an object that was written again keeps the newer record", async () => {
    const base = await written();
    await loseBoot(base);
    for (const name of await journalsOf(base)) {
      const journal = join(base, ".svc-infra/journal", name);
      const older = (await readFile(journal, "utf8")).split("\n").filter((line) => line.includes("nobody"));
      await truncate(journal, 0);
      await appendFile(journal, older.join("\n"));
    }
    await expectDescribed(base);
  });

  it("a body that another one replaced by hand is not given the old record", async () => {
    const base = await written();
    await loseBoot(base);
    await rm(sidecarOf(base, "small"));
    await rm(join(base, "small"));
    await appendFile(join(base, "small"), "by hand");
    const storage = storageOn(base, { durability: "full" });
    expect((await storage.getMetadata("small")).metadata).toEqual({});
    expect(await textOf(storage.get("small"))).toBe("by hand");
  });
});

describe("journals", () => {
  it("are written where writes are to be durable, and nowhere else", async () => {
    const { base, storage } = await freshStorage({ durability: "fast" });
    await storage.put("a", "content");
    expect(await journalsOf(base)).toEqual([]);
    expect(await journalsOf(await written())).not.toEqual([]);
  });

  it("are needed: a write whose record cannot be noted fails, and the old object stays", async () => {
    const { base, storage } = await freshStorage({ durability: "full" });
    await storageOn(base).put("a", "old");
    const folder = join(base, ".svc-infra/journal");
    await storage.check();
    await rm(folder, { recursive: true });
    await appendFile(folder, "");
    for (const content of ["new", Buffer.alloc(300_000)])
      expect(await outcomeOf(storage.put("a", content))).not.toBe("done");
    expect(await textOf(storage.get("a"))).toBe("old");
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
    await rm(folder);
    expect(await outcomeOf(storage.put("a", "new"))).toBe("done");
  });

  it("are not added to any more when they could not be synced", async () => {
    const base = await realpath(await freshFolder());
    await storageOn(base).check();
    const store = new Store({ base, holder: thisHolder(base), isDurable: true, id: base });
    const syncContent = store.sync.content.bind(store.sync);
    const sync = vi.spyOn(store.sync, "content").mockImplementation((fd) => {
      if (readlinkSync(`/proc/self/fd/${fd}`).includes("/journal/")) throw new Error("the disk failed");
      syncContent(fd);
    });
    const draft = draftOf({ contentType: "text/plain", filename: undefined, metadata: {} }, 3, undefined);
    const put = () => {
      const record = Buffer.from(recordText("a", store.holderText, draft));
      const state = new JobState(newJobStates(), 0);
      const content = Buffer.from("new");
      return publish(store, { key: "a", record, state, content, ifAbsent: false, ifMatch: undefined });
    };
    expect(put).toThrow("the disk failed");
    sync.mockRestore();
    put();
    const names = await journalsOf(base);
    expect(names.map((name) => name.endsWith(".sealed")).sort()).toEqual([false, true]);
  });

  it("that another process has removed meanwhile have nothing left to restore", async () => {
    expect(recordsIn(join(await freshFolder(), "removed"))).toEqual([]);
  });

  it("of a dead process go when the store is opened, those of a living one stay", async () => {
    const base = await written();
    const before = await journalsOf(base);
    await storageOn(base, { durability: "full" }).check();
    expect(await journalsOf(base)).toEqual(before);
    await renameJournals(base, (name) => name.replace(/-\d+-/, `-${deadPid}-`));
    await storageOn(base, { durability: "fast" }).check();
    expect((await journalsOf(base)).length).toBe(before.length);
    await storageOn(base, { durability: "full" }).check();
    await vi.waitFor(async () => expect(await journalsOf(base)).toEqual([]), { timeout: 5000 });
  });

  it("of a host that may live stay for an hour", async () => {
    const base = await written();
    await loseBoot(base);
    await storageOn(base, { durability: "full" }).check();
    expect(await journalsOf(base)).not.toEqual([]);
    const past = new Date(Date.now() - 61 * 60 * 1000);
    for (const name of await journalsOf(base))
      await utimes(join(base, ".svc-infra/journal", name), past, past);
    await storageOn(base, { durability: "full" }).check();
    await vi.waitFor(async () => expect(await journalsOf(base)).toEqual([]), { timeout: 5000 });
  });
});

describe("a checkpoint", () => {
  const state = new JobState(newJobStates(), 0);

  /** A durable store, as a thread has it. */
  async function openedStore(folder?: string): Promise<{ readonly base: string; readonly store: Store }> {
    const base = await realpath(folder ?? (await freshFolder()));
    await storageOn(base).check();
    return { base, store: new Store({ base, holder: thisHolder(base), isDurable: true, id: base }) };
  }

  /** Lets what is done every half a minute be done when it is called. */
  function withIntervals(): () => Promise<void> {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    // Threads answer in real time; then the next interval begins.
    const begun = () => vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0), { timeout: 5000 });
    return async () => {
      await begun();
      await vi.advanceTimersByTimeAsync(30_000);
      await begun();
    };
  }

  async function checkpointed(base: string, store: Store, ageMs: number): Promise<string[]> {
    const past = new Date(Date.now() - ageMs);
    for (const name of await journalsOf(base))
      await utimes(join(base, ".svc-infra/journal", name), past, past);
    for (const name of await journalsOf(base)) checkpoint(store, { name, isOver: false, state });
    return journalsOf(base);
  }

  it("takes a journal of a living process when that has begun another one, and all writes in it have ended", async () => {
    const { base, store } = await openedStore();
    const large = Buffer.alloc(5 * 1024 * 1024, " ");
    const first = store.journal.append([large]);
    expect(await checkpointed(base, store, 60_000)).toHaveLength(1);
    const second = store.journal.append([large]);
    expect(await checkpointed(base, store, 60_000)).toHaveLength(2);
    first.end();
    expect(await checkpointed(base, store, 10_000)).toHaveLength(2);
    const [left, ...others] = await checkpointed(base, store, 60_000);
    expect(left).not.toContain(".sealed");
    expect(others).toEqual([]);
    second.end();
  });

  it("is made every half a minute of journals that are over by then, however many", async () => {
    const base = await written();
    const warning = vi.spyOn(process, "emitWarning");
    const passInterval = withIntervals();
    await storageOn(base, { durability: "full" }).check();
    const name = await journalWith(base, '"key":"small"');
    const journal = join(base, ".svc-infra/journal", name);
    for (let more = 10; more < 30; more++)
      await copyFile(journal, `${journal.slice(0, -2).replace(/-\d+-/, `-${deadPid}-`)}${more}`);
    const before = await journalsOf(base);
    await passInterval();
    expect(await journalsOf(base)).toHaveLength(before.length - 20);
    expect(warning).not.toHaveBeenCalled();
  });

  it("is made of what a process wrote when its last store on the folder is closed", async () => {
    const { base, storage } = await freshStorage({ durability: "full" });
    const other = storageOn(base, { durability: "full" });
    const elsewhere = await freshStorage({ durability: "full" });
    await Promise.all([other.check(), elsewhere.storage.put("a", "content")]);
    await storage.put("a", "content");
    await Promise.all([storage.close(), storage.close()]);
    expect(await journalsOf(base)).toHaveLength(1);
    await other.close();
    expect(await journalsOf(base)).toEqual([]);
    expect(await journalsOf(elsewhere.base)).toHaveLength(1);
    const again = storageOn(base, { durability: "full" });
    await again.put("b", "content");
    expect(await journalsOf(base)).toHaveLength(1);
  });

  it("is not waited for when there is much to do", async () => {
    const { base, storage } = await freshStorage({ durability: "full" });
    await storage.put("a", "content");
    const [name = ""] = await journalsOf(base);
    const journal = join(base, ".svc-infra/journal", name);
    const line = (await readFile(journal, "utf8")).trim();
    await appendFile(journal, `\n${line}`.repeat(100_000));
    const startMs = performance.now();
    await storage.close();
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(await journalsOf(base)).toEqual([`${name}.sealed`]);
  });

  it("replaces a sidecar that could not be synced, since another sync of it would only seem to succeed", async () => {
    const { base, store } = await openedStore(await written());
    const name = await journalWith(base, '"key":"small"');
    const { ino } = await stat(sidecarOf(base, "small"));
    let failures = 0;
    const sync = vi.spyOn(store.sync, "content").mockImplementation((fd) => {
      if (failures > 0 || !readlinkSync(`/proc/self/fd/${fd}`).endsWith("small.meta.json")) return;
      failures++;
      throw Object.assign(new Error("the disk failed"), { code: "EIO" });
    });
    expect(() => checkpoint(store, { name, isOver: true, state })).toThrow("the disk failed");
    const sealed = `${name}.sealed`;
    expect(await journalsOf(base)).toContain(sealed);
    expect((await stat(sidecarOf(base, "small"))).ino).not.toBe(ino);
    expect(sync.mock.calls.length).toBeGreaterThan(1);
    await expectDescribed(base);
    checkpoint(store, { name: sealed, isOver: true, state });
    expect(await journalsOf(base)).not.toContain(sealed);
  });

  it("syncs the folder of a body that was replaced, or the old one might come back without its record", async () => {
    const { base, store } = await openedStore(await written());
    const name = await journalWith(base, "nobody");
    await storageOn(base).put("twice", "third");
    const folders = vi.spyOn(store.sync, "folder");
    checkpoint(store, { name, isOver: true, state });
    expect(folders.mock.calls.flat()).toContain(base);
  });

  it("leaves a journal whose sidecars lie behind a link", async () => {
    const { base, store } = await openedStore(await written());
    const name = await journalWith(base, '"key":"deep/copy"');
    const deep = join(base, ".svc-infra/meta/deep");
    const moved = join(await freshFolder(), "moved");
    await rename(deep, moved);
    await symlink(moved, deep);
    expect(() => checkpoint(store, { name, isOver: true, state })).toThrow("symbolic link");
    expect(await journalsOf(base)).toContain(`${name}.sealed`);
    expect(await readdir(moved)).toEqual(["copy.meta.json"]);
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
    await rm(deep);
    await rename(moved, deep);
    await expectDescribed(base);
  });

  it("leaves a journal whose records it could not make durable", async () => {
    const base = await written();
    await renameJournals(base, (name) => name.replace(/-\d+-/, `-${deadPid}-`));
    await rm(sidecarOf(base, "small"));
    await mkdir(sidecarOf(base, "small"));
    const warning = vi.spyOn(process, "emitWarning").mockReturnValue();
    const passInterval = withIntervals();
    await storageOn(base, { durability: "full" }).check();
    for (let interval = 0; interval < 3; interval++) await passInterval();
    expect(warning.mock.calls.map(([message]) => message)).toEqual([
      expect.stringMatching(/^Metadata in .* EISDIR/),
    ]);
    expect(await journalsOf(base)).toHaveLength(1);
    await rm(sidecarOf(base, "small"), { recursive: true });
    await passInterval();
    expect(await journalsOf(base)).toEqual([]);
    await expectDescribed(base);
  });
});
