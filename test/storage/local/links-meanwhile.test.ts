import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { adopt } from "#dist/storage/backends/local/adopt.js";
import { checkpoint } from "#dist/storage/backends/local/checkpoint.js";
import { FolderCache } from "#dist/storage/backends/local/folder-cache.js";
import { checkOwnFolder, prune } from "#dist/storage/backends/local/folders.js";
import { thisHolder } from "#dist/storage/backends/local/holder.js";
import { JobState, newJobStates } from "#dist/storage/backends/local/job-state.js";
import { Lister } from "#dist/storage/backends/local/list.js";
import { type Publication, publish, publishAll } from "#dist/storage/backends/local/publish.js";
import { draftOf, parsePending, recordText } from "#dist/storage/backends/local/record.js";
import { removeObject } from "#dist/storage/backends/local/remove.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { sweep } from "#dist/storage/backends/local/sweep.js";

const state = new JobState(newJobStates(), 0);
const version = "0123456789abcdef01234567";

let root: string;
let outside: string;
let store: Store;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "svc-infra-meanwhile-")));
  outside = join(root, "outside");
  const base = join(root, "base");
  for (const name of ["meta", "pending", "journal", "tmp", "multipart"])
    mkdirSync(join(base, ".svc-infra", name), { recursive: true });
  store = new Store({ base, holder: thisHolder(base), isDurable: true, id: base });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

const path = (name: string) => join(store.layout.base, name);

/** What lay at `name` lies outside now, where a link leads to it. */
function becomesLink(name: string): void {
  if (existsSync(outside)) return;
  renameSync(path(name), outside);
  symlinkSync(outside, path(name));
}

/** Lets a folder become a link while something is being synced. */
function becomesLinkInSync(what: "content" | "folder" | "all", name: string): void {
  const sync = store.sync[what].bind(store.sync) as (value: unknown) => void;
  vi.spyOn(store.sync, what).mockImplementation((value: unknown) => {
    sync(value);
    becomesLink(name);
  });
}

function publicationOf(key: string): Publication {
  const description = { contentType: "text/plain", filename: undefined, metadata: {} };
  const record = Buffer.from(recordText(key, store.holderText, draftOf(description, 3, undefined)));
  const content = Buffer.from("new");
  return { key, record, state, content, ifAbsent: false, ifMatch: undefined };
}

const put = (key: string) => publish(store, publicationOf(key));

const remove = (key: string) => removeObject(store, { key, version, state });

describe("a link that comes while something is synced", () => {
  it("is not followed by the body that was synced", () => {
    put("a/old");
    becomesLinkInSync("all", "a");
    expect(() => put("a/new")).toThrow("symbolic link stands in the way of the key");
    expect(readdirSync(outside)).toEqual(["old"]);
    expect(readdirSync(store.layout.pendings)).toEqual([]);
  });

  it("is not followed by a lock, when it was the folder of the body that was synced", () => {
    becomesLinkInSync("folder", ".svc-infra/pending");
    expect(() => put("new/a")).toThrow("symbolic link");
    expect(readdirSync(outside)).toEqual([]);
  });

  it("is not followed by the record of that body", () => {
    put("a");
    becomesLinkInSync("folder", ".svc-infra/pending");
    put("a");
    expect(readdirSync(outside)).toEqual(["a"]);
  });

  it.each([
    [".svc-infra/meta/a", ["b.meta.json"]],
    [".svc-infra/pending", ["a~b"]],
  ])("keeps a removal from removing in '%s'", (name, left) => {
    put("a/b");
    const removed = path("a/b");
    const sync = store.sync.folder.bind(store.sync);
    vi.spyOn(store.sync, "folder").mockImplementation((folder) => {
      sync(folder);
      if (!existsSync(removed)) becomesLink(name);
    });
    expect(remove("a/b")).toBe(true);
    expect(readdirSync(outside)).toEqual(left);
  });

  it("is not followed by a record that is restored", () => {
    put("a");
    put("b");
    rmSync(store.layout.sidecar("b"));
    const [name = ""] = readdirSync(store.layout.journals);
    becomesLinkInSync("content", ".svc-infra/pending");
    expect(() => checkpoint(store, { name, isOver: true, state })).toThrow("symbolic link");
    expect(readdirSync(outside)).toEqual([]);
  });

  it("keeps a checkpoint from removing its journal", () => {
    put("a");
    const [name = ""] = readdirSync(store.layout.journals);
    becomesLinkInSync("folder", ".svc-infra/journal");
    expect(() => checkpoint(store, { name, isOver: true, state })).toThrow("symbolic link");
    expect(readdirSync(outside)).toEqual([`${name}.sealed`]);
  });

  it.each([".svc-infra/tmp", ".svc-infra/multipart"])("keeps a sweep from clearing away '%s'", (name) => {
    put("a");
    rmSync(store.layout.sidecar("a"));
    for (const journal of readdirSync(store.layout.journals))
      renameSync(
        store.layout.journal(journal),
        store.layout.journal(journal.replace(/^\w{12}/, "0".repeat(12))),
      );
    mkdirSync(path(`${name}/precious/deep`), { recursive: true });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30 * 24 * 60 * 60 * 1000 });
    becomesLinkInSync("content", name);
    sweep(store);
    vi.useRealTimers();
    expect(readdirSync(outside, { recursive: true })).toEqual(["precious", "precious/deep"]);
  });
});

it("a journal that lies behind a link gets no checkpoint", () => {
  put("a");
  const [name = ""] = readdirSync(store.layout.journals);
  becomesLink(".svc-infra/journal");
  expect(() => checkpoint(store, { name, isOver: true, state })).toThrow("symbolic link");
  expect(readdirSync(outside)).toEqual([name]);
});

/** Lets a folder become a link while a body is compared with a condition. */
function becomesLinkInComparison(name: string): void {
  const date = store.stamps.date.bind(store.stamps);
  vi.spyOn(store.stamps, "date").mockImplementation((fd, old) => {
    becomesLink(name);
    store.realFolders.lookAnew(store.layout.base);
    return date(fd, old);
  });
}

it("a link that comes while a body is compared with a condition gets no other's lock", async () => {
  becomesLinkInComparison(".svc-infra/pending");
  const outcomes = await publishAll(store, [publicationOf("a"), publicationOf("b")]);
  expect(outcomes).toEqual([{ error: expect.anything() }, { error: expect.anything() }]);
  expect(readdirSync(outside)).toEqual(["a"]);
});

it("a link that comes while a body is compared with a condition gets no journal", () => {
  put("a");
  becomesLinkInComparison(".svc-infra/journal");
  const before = readdirSync(store.layout.journals).map((name) => statSync(store.layout.journal(name)).size);
  expect(() => put("a")).toThrow("symbolic link");
  expect(readdirSync(outside).map((name) => statSync(join(outside, name)).size)).toEqual(before);
  expect(readdirSync(store.layout.pendings)).toEqual([]);
});

it("a link that comes while a body is compared is seen by who works on", () => {
  put("a/b");
  const fd = openSync(path("a/b"), "r");
  store.realFolders.together(() => {
    expect(store.realFolders.isReal(path("a"))).toBe(true);
    adopt(store, "a/b", fd, statSync(path("a/b")));
    becomesLink("a");
    expect(() => store.realFolders.isReal(path("a"))).toThrow("symbolic link");
  });
});

it("a link that comes while a tree is listed is not followed", () => {
  for (const key of ["a/b/c", "a/d/e", "f"]) put(key);
  const { folderAt } = FolderCache.prototype;
  vi.spyOn(FolderCache.prototype, "folderAt").mockImplementation(function (this: FolderCache, folder, mark) {
    const found = folderAt.call(this, folder, mark);
    if (folder === path("a/b")) becomesLink("a");
    return found;
  });
  const job = { prefix: "", delimiter: undefined, after: { last: "" }, limit: 10, details: false };
  expect(new Lister(store).list(job).files).toEqual([["a/b/c"], ["f"]]);
});

it("empty folders behind a link are not cleared away", () => {
  mkdirSync(path("a/b"), { recursive: true });
  becomesLink("a");
  prune(store, store.layout.base, path("a/b"));
  expect(readdirSync(outside)).toEqual(["b"]);
});

describe("what is gone while something is synced", () => {
  function isGoneAfter(what: "folder" | "all", name: string): void {
    const sync = store.sync[what].bind(store.sync) as (value: unknown) => void;
    vi.spyOn(store.sync, what).mockImplementationOnce((value: unknown) => {
      sync(value);
      rmSync(path(name), { recursive: true });
    });
  }

  it("is not made anew when it is the base", () => {
    put("a");
    isGoneAfter("all", "");
    expect(() => put("a")).toThrow("the base folder is gone");
    expect(existsSync(store.layout.base)).toBe(false);
  });

  it("is not made anew when it is all that the store keeps in the base", () => {
    put("a");
    isGoneAfter("folder", ".svc-infra");
    put("a");
    vi.restoreAllMocks();
    expect(() => put("a")).toThrow("what the store keeps in it");
    expect(existsSync(store.layout.own)).toBe(false);
  });

  it("is not made anew while the disk is waited for", async () => {
    vi.spyOn(store.realFolders, "isRealLater").mockImplementation(async () => {
      rmSync(store.layout.base, { recursive: true });
      return false;
    });
    await expect(checkOwnFolder(store, store.layout.temps)).rejects.toThrow("the base folder is gone");
    expect(existsSync(store.layout.base)).toBe(false);
  });
});

it("a disk that dies under writes fails each of them, and nobody waits or ends", async () => {
  const failure = Object.assign(new Error("the disk died"), { code: "EIO" });
  const died = () => {
    throw failure;
  };
  vi.spyOn(store.sync, "together").mockImplementation(async (tasks) => {
    vi.spyOn(store.realFolders, "isReal").mockImplementation(died);
    for (const { fail } of tasks) fail(failure);
  });
  const outcomes = await publishAll(store, [publicationOf("a/b"), publicationOf("a/c")]);
  expect(outcomes).toEqual([{ error: failure }, { error: failure }]);
});

describe("what somebody put where locks lie", () => {
  it.each([
    ["a link", () => symlinkSync(root, store.layout.pending("a"))],
    ["a folder", () => mkdirSync(store.layout.pending("a"))],
  ])("lets nobody wait when it is %s", (_, plant) => {
    plant();
    expect(() => put("a")).toThrow("is not a file");
    expect(() => remove("a")).not.toThrow();
  });

  it.each([
    ["key", "../a"],
    ["key", ".svc-infra/secret"],
    ["version", "../a"],
  ])("is no lock whose %s leads elsewhere: '%s'", (field, value) => {
    const fields = { key: "a", version, holder: store.holder };
    expect(parsePending(JSON.stringify(fields))).toMatchObject({ key: "a" });
    expect(parsePending(JSON.stringify({ ...fields, [field]: value }))).toBe(undefined);
  });
});

it("a file where a folder of the store's own should be is named", () => {
  rmSync(store.layout.journals, { recursive: true });
  writeFileSync(store.layout.journals, "");
  expect(() => put("a")).toThrow("'.svc-infra/journal' in the base path is not a folder");
});
