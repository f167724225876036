import { mkdir, mkdtemp, readdir, realpath, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

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
    await after(usedMs);
    await storage.put("folder/file", "mine");
    await storage.get("folder/file");
    await rename(join(base, "folder"), join(outside, "folder"));
    await symlink(join(outside, "folder"), join(base, "folder"));
  });

  it("hides what this very store once wrote, also from one who has its record in memory", async () => {
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

  it("gets no metadata either", async () => {
    await storage.check();
    await symlink(outside, join(base, ".svc-infra/meta/other"));
    await storage.put("other/file", "x", { metadata: { a: "1" } });
    expect(await readdir(outside)).toEqual(["folder"]);
    expect(await storage.getMetadata("other/file")).toMatchObject({ metadata: { a: "1" } });
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

describe("a base folder that is removed under a running store", () => {
  it("makes the check and writes fail as unavailable, not as missing objects", async () => {
    await storage.put("a", "x");
    await rm(base, { recursive: true });
    await expect(storage.check()).rejects.toMatchObject({ code: "unavailable" });
    await expect(storage.put("b", "x")).rejects.toMatchObject({ code: "unavailable" });
  });
});
