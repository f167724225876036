import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { commit } from "#dist/storage/backends/local/commit/commit.js";
import { removeObject } from "#dist/storage/backends/local/commit/remove.js";
import { Sweep } from "#dist/storage/backends/local/commit/sweep.js";
import { prune } from "#dist/storage/backends/local/disk/folders.js";
import { FolderCache } from "#dist/storage/backends/local/read/folder-cache.js";
import { Lister } from "#dist/storage/backends/local/read/list.js";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { draftOf, parseLock } from "#dist/storage/backends/local/record/record.js";
import { Store } from "#dist/storage/backends/local/store.js";

const version = "0123456789abcdef01234567";
const description = { contentType: "text/plain", filename: undefined, metadata: {} };

let root: string;
let outside: string;
let store: Store;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "svc-infra-meanwhile-")));
  outside = join(root, "outside");
  const base = join(root, "base");
  for (const name of ["meta", "pending", "tmp", "multipart"])
    mkdirSync(join(base, ".svc-infra", name), { recursive: true });
  store = new Store({ base, owner: thisOwner(base), isDurable: true, unfolds: false });
});

afterEach(() => {
  vi.restoreAllMocks();
  store.guard.close();
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
function becomesLinkInSync(what: "content" | "file" | "folder", name: string): void {
  const sync = store.sync[what].bind(store.sync) as (value: unknown) => Promise<void>;
  vi.spyOn(store.sync, what).mockImplementation(async (value: unknown) => {
    await sync(value);
    becomesLink(name);
  });
}

const put = (key: string) =>
  commit(
    store,
    { key, draft: draftOf(description, 3, undefined), ifAbsent: false, ifMatch: undefined },
    Buffer.from("new"),
  );

const remove = (key: string) => removeObject(store, { key });

describe("a link that comes while something is synced", () => {
  it("is not followed by the body that was synced", async () => {
    await put("a/old");
    becomesLinkInSync("file", "a");
    await expect(put("a/new")).rejects.toThrow("symbolic link stands in the way of the key");
    expect(readdirSync(outside)).toEqual(["old"]);
    expect(readdirSync(store.layout.locks)).toEqual([]);
  });

  it("is not followed by the record of that body", async () => {
    await put("a");
    becomesLinkInSync("folder", ".svc-infra/meta");
    await expect(put("a")).resolves.toMatchObject({ size: 3 });
    expect(readdirSync(outside)).toEqual(["a.meta.json"]);
    expect(readdirSync(store.layout.locks)).toEqual(["a"]);
  });

  it.each([
    [".svc-infra/meta/a", ["b.meta.json"]],
    [".svc-infra/pending", ["a~b"]],
  ])("keeps a removal from removing in '%s'", async (name, left) => {
    await put("a/b");
    const sync = store.sync.folder.bind(store.sync);
    vi.spyOn(store.sync, "folder").mockImplementation(async (folder) => {
      await sync(folder);
      if (!existsSync(path("a/b"))) becomesLink(name);
    });
    expect(await remove("a/b")).toBe(true);
    expect(readdirSync(outside)).toEqual(left);
  });
});

it.each([".svc-infra/tmp", ".svc-infra/multipart"])("a sweep clears away nothing behind '%s'", (name) => {
  mkdirSync(path(`${name}/precious/deep`), { recursive: true });
  becomesLink(name);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30 * 24 * 60 * 60 * 1000 });
  expect(() => new Sweep(store).run()).toThrow("symbolic link");
  vi.useRealTimers();
  expect(readdirSync(outside, { recursive: true })).toEqual(["precious", "precious/deep"]);
});

it("a link that comes while a tree is listed is not followed", async () => {
  for (const key of ["a/b/c", "a/d/e", "f"]) await put(key);
  const { folderAt } = FolderCache.prototype;
  vi.spyOn(FolderCache.prototype, "folderAt").mockImplementation(async function (
    this: FolderCache,
    folder,
    at,
  ) {
    const found = await folderAt.call(this, folder, at);
    if (folder === path("a/b")) becomesLink("a");
    return found;
  });
  const job = { prefix: "", delimiter: undefined, after: "", sinceMs: 0, limit: 10, details: false };
  expect((await new Lister(store).list(job)).files).toEqual([["a/b/c"], ["f"]]);
});

it("empty folders behind a link are not cleared away", () => {
  mkdirSync(path("a/b"), { recursive: true });
  becomesLink("a");
  prune(store, store.layout.base, path("a/b"));
  expect(readdirSync(outside)).toEqual(["b"]);
});

describe("what is gone while something is synced", () => {
  function isGoneAfter(what: "file" | "folder", name: string): void {
    const sync = store.sync[what].bind(store.sync) as (value: unknown) => Promise<void>;
    vi.spyOn(store.sync, what).mockImplementationOnce(async (value: unknown) => {
      await sync(value);
      rmSync(path(name), { recursive: true });
    });
  }

  it("is not made anew when it is the base", async () => {
    await put("a");
    isGoneAfter("file", "");
    await expect(put("a")).rejects.toMatchObject({ reason: "Busy" });
    await expect(put("a")).rejects.toThrow(/gone/);
    expect(existsSync(store.layout.base)).toBe(false);
  });

  it("is not made anew when it is all that the store keeps in the base", async () => {
    await put("a");
    rmSync(store.layout.own, { recursive: true });
    await expect(put("a")).rejects.toThrow("what the store keeps in it");
    expect(existsSync(store.layout.own)).toBe(false);
  });
});

it.each([".svc-infra/tmp", ".svc-infra/pending", ".svc-infra/meta/a", "a"])(
  "a folder '%s' that is gone within the turn of the event loop that used it is made anew",
  async (name) => {
    await put("a/old");
    rmSync(path(name), { recursive: true });
    await put("a/new");
    expect(existsSync(path("a/new"))).toBe(true);
    expect(existsSync(store.layout.sidecar("a/new"))).toBe(true);
  },
);

it("a disk that dies under writes fails each of them, and nothing hangs", async () => {
  await put("a/b");
  const failure = Object.assign(new Error("the disk died"), { code: "EIO" });
  vi.spyOn(store.sync, "file").mockImplementation(async () => {
    vi.spyOn(store.guard, "folder").mockImplementation(() => {
      throw failure;
    });
    throw failure;
  });
  const outcomes = await Promise.allSettled([put("a/b"), put("a/c")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

describe("what another program put where locks lie", () => {
  it.each([
    ["a link", () => symlinkSync(root, store.layout.lock("a"))],
    ["a folder", () => mkdirSync(store.layout.lock("a"))],
  ])("lets no writer wait when it is %s", async (_, plant) => {
    plant();
    await expect(put("a")).rejects.toThrow("is not a file");
    expect(await remove("a")).toBe(false);
  });

  it.each([
    ["key", "../a"],
    ["key", ".svc-infra/secret"],
    ["version", "../a"],
  ])("is no lock whose %s leads elsewhere: '%s'", (field, value) => {
    const fields = { key: "a", version, holder: store.owner };
    expect(parseLock(JSON.stringify(fields))).toMatchObject({ key: "a" });
    expect(parseLock(JSON.stringify({ ...fields, [field]: value }))).toBe(undefined);
  });
});
