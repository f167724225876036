import { lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type MultipartUpload, Storage, type UploadedPart } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { TempFile } from "#dist/storage/backends/local/upload/temp-file.js";
import { Uploads } from "#dist/storage/backends/local/upload/uploads.js";
import { outcomeOf } from "./fresh-store.js";

function storeOn(folder: string): Store {
  return new Store({ base: folder, owner: thisOwner(folder), isDurable: false, unfolds: false });
}

/** More than is written in one piece. */
const large = Buffer.alloc(300_000);

let base: string;
let outside: string;
let storage: Storage;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "svc-infra-hostile-")));
  outside = await realpath(await mkdtemp(join(tmpdir(), "svc-infra-outside-")));
  storage = new Storage(new LocalBackend({ basePath: base, durability: "fast" }));
});

afterEach(async () => {
  await storage.close();
  await rm(base, { recursive: true, force: true });
  await rm(outside, { recursive: true, force: true });
});

describe.each([
  ["that has just been made", 0],
  ["that has long been in use", 100],
])("a folder %s, and becomes a link to the outside", (_, usedMs) => {
  beforeEach(async () => {
    await storage.put("folder/file", "mine");
    await sleep(usedMs);
    await storage.put("folder/file", "mine");
    await storage.get("folder/file");
    await rename(join(base, "folder"), join(outside, "folder"));
    await symlink(join(outside, "folder"), join(base, "folder"));
  });

  it("hides what this very store once wrote, also from a reader that has its record in memory", async () => {
    await expect(storage.get("folder/file")).rejects.toMatchObject({ code: "not_found" });
    await expect(storage.getMetadata("folder/file")).rejects.toMatchObject({ code: "not_found" });
    await expect(storage.copy("folder/file", "copy")).rejects.toMatchObject({ code: "not_found" });
    expect(await storage.exists("folder/file")).toBe(false);
    expect(await storage.delete("folder/file")).toBe(false);
    expect(await storage.listKeys()).toEqual([]);
  });

  it("is not written through", async () => {
    await expect(storage.put("folder/new", "x")).rejects.toMatchObject({ code: "permission_denied" });
    expect(await readdir(join(outside, "folder"))).toEqual(["file"]);
  });
});

/** Also what came and went shows in the time of the folder. */
async function changesIn(folder: string): Promise<(readonly [name: string, modifiedMs: number])[]> {
  const names = ["", ...(await readdir(folder, { recursive: true }))];
  return Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).mtimeMs] as const));
}

describe.each([
  ".svc-infra",
  ".svc-infra/meta",
  ".svc-infra/pending",
  ".svc-infra/tmp",
  ".svc-infra/multipart",
])("'%s', when it becomes a link to the outside under a store at work", (name) => {
  const refused = { code: "permission_denied", message: expect.stringContaining(`'${name}'`) };
  let other: Storage;
  let upload: MultipartUpload;
  let part: UploadedPart;

  beforeEach(async () => {
    storage = new Storage(new LocalBackend({ basePath: base, durability: "full" }));
    other = new Storage(new LocalBackend({ basePath: base, durability: "full" }));
    await other.check();
    await storage.put("a/kept", "x", { metadata: { from: "before" } });
    upload = await storage.createUpload("a/uploaded");
    part = await upload.writePart(1, "data");
    await storage.getMetadata("a/kept");
    await sleep(100);
    await storage.getMetadata("a/kept");
    await rename(join(base, name), join(outside, "moved"));
    await symlink(join(outside, "moved"), join(base, name));
  });

  it("is neither written through nor removed from", async () => {
    const before = await changesIn(outside);
    const writes = [
      () => storage.put("a/new", "x"),
      () => storage.put("a/new", new Blob([large]).stream()),
      () => storage.copy("a/kept", "a/copy"),
    ];
    // The folder of uploads in parts is of no use to other writes.
    if (name !== ".svc-infra/multipart")
      for (const write of writes) await expect(write()).rejects.toMatchObject(refused);
    await expect(storage.delete("a/kept")).rejects.toMatchObject(refused);
    await expect(upload.complete({ parts: [part] })).rejects.toMatchObject(refused);
    expect(await storage.listKeys()).toEqual(["a/kept"]);
    await Promise.all([storage.close(), other.close()]);
    expect(await changesIn(outside)).toEqual(before);
  });

  it("tells nothing to a store that has not read from there before", async () => {
    const isOfMetadata = name === ".svc-infra" || name === ".svc-infra/meta";
    expect((await other.getMetadata("a/kept")).metadata).toEqual(isOfMetadata ? {} : { from: "before" });
    await other.close();
  });

  it("refuses uploads where it is a folder of theirs", async () => {
    const isOfUploads = [".svc-infra", ".svc-infra/tmp", ".svc-infra/multipart"].includes(name);
    const before = await changesIn(outside);
    // The lease of an upload is an object, and so needs every folder.
    expect(await outcomeOf(storage.createUpload("a/other"))).toBe("permission_denied");
    expect(await outcomeOf(upload.writePart(2, "data"))).toBe(isOfUploads ? "permission_denied" : "done");
    expect(await changesIn(outside)).toEqual(before);
  });
});

it("a secret that lies behind a link signs nothing", async () => {
  await storage.close();
  storage = new Storage(new LocalBackend({ basePath: base, baseUrl: "http://127.0.0.1:1/files" }));
  await storage.exists("a");
  await rename(join(base, ".svc-infra"), join(outside, "moved"));
  await symlink(join(outside, "moved"), join(base, ".svc-infra"));
  await writeFile(join(outside, "moved/secret"), "planted");
  await expect(storage.getUrl("a")).rejects.toMatchObject({ code: "permission_denied" });
});

it("folders of the store's own that are cleared away while they are empty are made anew", async () => {
  for (const durability of ["fast", "full"] as const) {
    storage = new Storage(new LocalBackend({ basePath: base, durability }));
    for (const work of [
      () => storage.put("a", "x"),
      () => storage.put("a", new Blob([large]).stream()),
      async () => (await storage.createUpload("b")).writePart(1, "x"),
      () => storage.delete("a"),
    ]) {
      await storage.check();
      for (const name of ["meta", "pending", "tmp", "multipart"])
        await rm(join(base, ".svc-infra", name), { recursive: true, force: true });
      await work();
    }
    await storage.close();
  }
});

describe("the folder of an upload that becomes a link to the outside", () => {
  let upload: MultipartUpload;

  let id: string;

  beforeEach(async () => {
    upload = await storage.createUpload("a/uploaded");
    // The storage puts what ties an id to its key, and its lease, before what the backend knows.
    id = upload.id.slice(upload.id.indexOf(":") + 1);
    await upload.writePart(1, "data");
  });

  async function becomeLink(): Promise<string> {
    const folder = join(base, ".svc-infra/multipart", id);
    await rename(folder, join(outside, "moved"));
    await symlink(join(outside, "moved"), folder);
    return folder;
  }

  it("takes no part, and loses no file that is called like one", async () => {
    await becomeLink();
    const before = await changesIn(outside);
    await expect(upload.writePart(1, "other")).rejects.toMatchObject({ code: "permission_denied" });
    await expect(upload.complete()).rejects.toMatchObject({ code: "permission_denied" });
    await expect(upload.abort()).rejects.toMatchObject({ code: "permission_denied" });
    expect(await changesIn(outside)).toEqual(before);
  });

  it("takes no part that was not written to its end", async () => {
    const parts = async function* () {
      yield large;
      await becomeLink();
      yield large;
    };
    await expect(upload.writePart(1, parts())).rejects.toMatchObject({ code: "permission_denied" });
    expect(await readdir(join(outside, "moved"))).toHaveLength(2);
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });

  it("is not cleared away when all uploads lie behind one at the very end", async () => {
    const parts = [await upload.writePart(1, "data")];
    const uploads = new Uploads(storeOn(base));
    const joined = await uploads.join("a/uploaded", id, parts, { signal: undefined });
    await joined.temp.discard();
    await rename(join(base, ".svc-infra/multipart"), join(outside, "moved"));
    await symlink(join(outside, "moved"), join(base, ".svc-infra/multipart"));
    await expect(uploads.drop(id)).rejects.toThrow("symbolic link");
    expect(await readdir(join(outside, "moved"))).toEqual([id]);
  });

  it("is not asked what it is for", async () => {
    const note = join(base, ".svc-infra/multipart", id, "upload.json");
    await rename(note, join(outside, "upload.json"));
    await symlink(join(outside, "upload.json"), note);
    await expect(upload.writePart(2, "other")).rejects.toMatchObject({ code: "not_found" });
  });

  it("gives no part to a completion that looked before", async () => {
    const parts = [await upload.writePart(1, "data")];
    const uploads = new Uploads(storeOn(base));
    vi.spyOn(TempFile, "create").mockImplementationOnce(async (path, at, sync) => {
      await becomeLink();
      return TempFile.create(path, at, sync);
    });
    const joined = uploads.join("a/uploaded", id, parts, { signal: undefined });
    await expect(joined).rejects.toThrow("symbolic link");
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });
});

describe("a folder of metadata that becomes a link to the outside", () => {
  const moved = () => join(outside, "meta");

  beforeEach(async () => {
    await storage.put("a/b/kept", "x", { metadata: { from: "before" } });
    await storage.put("a/b/gone", "x", { metadata: { from: "before" } });
    await storage.close();
    await rename(join(base, ".svc-infra/meta/a"), moved());
    await symlink(moved(), join(base, ".svc-infra/meta/a"));
    storage = new Storage(new LocalBackend({ basePath: base, durability: "fast" }));
  });

  it("is not written to: objects whose metadata would lie there are refused", async () => {
    const refused = { code: "permission_denied", message: expect.stringContaining("in the way of the key") };
    await expect(storage.put("a/b/new", "x")).rejects.toMatchObject(refused);
    await expect(storage.put("a/new/new", "x")).rejects.toMatchObject(refused);
    expect(await storage.listKeys()).toEqual(["a/b/gone", "a/b/kept"]);
    expect(await readdir(moved(), { recursive: true })).toHaveLength(3);
    await storage.put("b/new", "x");
  });

  it("describes nothing, and nothing behind it is removed", async () => {
    expect((await storage.getMetadata("a/b/kept")).metadata).toEqual({});
    expect(await storage.delete("a/b/gone")).toBe(true);
    expect(await storage.delete("a/b/kept")).toBe(true);
    expect(await readdir(join(moved(), "b"))).toEqual(["gone.meta.json", "kept.meta.json"]);
  });
});

describe("a tree with a link that takes the place of another with the same times", () => {
  beforeEach(async () => {
    await writeFile(join(outside, "secret"), "secret");
    await storage.check();
    for (let tries = 0; tries < 100 && !madeInOneTick(); tries++) await sleep(1);
    for (const waitMs of [0, 100, 100]) {
      await storage.put("a/b/c/mine", "mine");
      await storage.get("a/b/c/mine");
      await storage.listKeys({ prefix: "a/" });
      await sleep(waitMs);
    }
    renameSync(join(base, "a"), join(base, ".old"));
    renameSync(join(base, ".stage"), join(base, "a"));
  });

  function madeInOneTick(): boolean {
    for (const name of ["a", ".stage"]) rmSync(join(base, name), { recursive: true, force: true });
    mkdirSync(join(base, ".stage/b"), { recursive: true });
    mkdirSync(join(base, "a/b"), { recursive: true });
    mkdirSync(join(base, "a/b/c"));
    symlinkSync(outside, join(base, ".stage/b/c"));
    writeFileSync(join(base, ".stage/b/other"), "other");
    return lstatSync(join(base, "a/b")).ctimeMs === lstatSync(join(base, ".stage/b")).ctimeMs;
  }

  it("is not read, listed, written or deleted through", async () => {
    await expect(storage.get("a/b/c/secret")).rejects.toMatchObject({ code: "not_found" });
    await expect(storage.put("a/b/c/new", "x")).rejects.toMatchObject({ code: "permission_denied" });
    expect(await storage.listKeys({ prefix: "a/b/c/" })).toEqual([]);
    expect(await storage.listKeys({ prefix: "a/" })).toEqual(["a/b/other"]);
    expect(await storage.delete("a/b/c/secret")).toBe(false);
    expect(await readdir(outside)).toEqual(["secret"]);
  });
});

describe("leftovers that are folders", () => {
  it("where temporary files and locks should be keep nothing from starting", async () => {
    await mkdir(join(base, ".svc-infra/tmp/left/deep"), { recursive: true });
    await mkdir(join(base, ".svc-infra/pending/left"), { recursive: true });
    await expect(storage.put("a", "x")).resolves.toMatchObject({ size: 1 });
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });
});

describe("a key beside one that stands in its way", () => {
  beforeEach(() => storage.put("docs/x/a.html", "1"));

  it.each([
    ["docs", "docs/x/a.html"],
    ["docs/x", "docs/x/a.html"],
    ["docs/x/a.html/b", "docs/x/a.html"],
    ["docs/x/a.html/b/c", "docs/x/a.html"],
  ])("is refused in an error that names both: %s", async (key, other) => {
    const conflict = { code: "key_conflict", message: expect.stringContaining(`'${key}' `) };
    for (const put of [() => storage.put(key, "2"), () => storage.copy("docs/x/a.html", key)]) {
      await expect(put()).rejects.toMatchObject(conflict);
      await expect(put()).rejects.toMatchObject({ message: expect.stringContaining(`'${other}'`) });
    }
    expect(await storage.exists(key)).toBe(false);
    expect(await storage.listKeys()).toEqual(["docs/x/a.html"]);
  });
});

describe("a base folder that goes away under a running store", () => {
  /** The disk is not mounted: the folder is gone, or an empty one is in its place. */
  it.each(["gone", "empty"])("and is %s makes every call fail as unavailable", async (left) => {
    await storage.put("a", "x");
    const { id } = await storage.createUpload("b");
    await rename(base, `${base}-away`);
    if (left === "empty") await mkdir(base);
    const calls = {
      check: () => storage.check(),
      put: () => storage.put("b", "x"),
      get: () => storage.get("a"),
      getMetadata: () => storage.getMetadata("a"),
      exists: () => storage.exists("a"),
      delete: () => storage.delete("a"),
      copy: () => storage.copy("a", "c"),
      listKeys: () => storage.listKeys(),
      writePart: () => storage.resumeUpload("b", id).writePart(1, "x"),
    };
    for (const [name, call] of Object.entries(calls))
      expect([name, await outcomeOf(call())]).toEqual([name, "unavailable"]);
    expect(await storage.deleteMany(["a"])).toMatchObject([{ key: "a", error: { code: "unavailable" } }]);
    await rm(base, { recursive: true, force: true });
    await rename(`${base}-away`, base);
    expect(await storage.get("a").then(String)).toBe("x");
  });
});

it("a copy that is refused because of its temporary folder closes the source", async () => {
  await storage.put("large", Buffer.alloc(2_000_000));
  rmSync(join(base, ".svc-infra/tmp"), { recursive: true });
  symlinkSync(outside, join(base, ".svc-infra/tmp"));
  expect(await outcomeOf(storage.copy("large", "copy"))).toBe("permission_denied");
  const open = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  expect(open).not.toContain(join(base, "large"));
});
