import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Layout } from "#dist/storage/backends/local/disk/layout.js";
import { SymlinkGuard } from "#dist/storage/backends/local/disk/symlink-guard.js";

let root: string;
let base: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "svc-infra-guard-")));
  base = join(root, "base");
  mkdirSync(join(base, ".svc-infra/meta/a/b"), { recursive: true });
  mkdirSync(join(base, "a/b/c"), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const path = (name: string) => (name === "" ? base : join(base, name));

function becomesLink(name: string): void {
  renameSync(path(name), join(root, "moved"));
  symlinkSync(join(root, "moved"), path(name));
}

/** What was looked at holds until the calls that follow at once are done. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

const every = ["", "a", "a/b", "a/b/c", ".svc-infra", ".svc-infra/meta", ".svc-infra/meta/a/b"];

describe.each([
  ["by descriptor", true],
  ["by lstat", false],
])("a guard %s", (_how, hasDescriptors) => {
  let guard: SymlinkGuard;

  beforeEach(() => {
    guard = new SymlinkGuard(new Layout(base), hasDescriptors);
  });

  afterEach(() => guard.close());

  it.each(every)("takes the folder '%s' for one, however often it is asked", async (name) => {
    for (let time = 0; time < 3; time++) {
      expect(guard.isReal(path(name))).toBe(true);
      await nextTurn();
    }
  });

  it("finds no folder where nothing or a file is, or a folder above is missing", () => {
    writeFileSync(path("file"), "");
    for (const name of ["x", "x/y", "a/x", "a/b/x", "file", "file/x"])
      expect(guard.isReal(path(name)), name).toBe(false);
  });

  it.each(every.slice(1))("refuses what lies behind '%s' once that is a link", async (name) => {
    expect(every.map((each) => guard.isReal(path(each)))).not.toContain(false);
    await nextTurn();
    becomesLink(name);
    for (const each of every.filter((other) => `${other}/`.startsWith(`${name}/`)))
      expect(() => guard.isReal(path(each)), each).toThrow("symbolic link");
    expect(() => guard.isReal(path(`${name}/missing`))).toThrow("symbolic link");
    expect(guard.isVisible(path(name))).toBe(false);
    expect(guard.isReal(path(""))).toBe(true);
  });

  it("sees a folder that is made anew, or takes the place of another", async () => {
    expect(guard.isReal(path("a/b/c"))).toBe(true);
    await nextTurn();
    rmSync(path("a"), { recursive: true });
    expect(guard.isReal(path("a/b/c"))).toBe(false);
    mkdirSync(path("a/b/c"), { recursive: true });
    writeFileSync(path("a/b/c/new"), "");
    await nextTurn();
    expect(readdirSync(guard.folder(path("a/b/c")) ?? "")).toEqual(["new"]);
  });

  it("does not keep more than some folders open", async () => {
    const before = (await readdir("/proc/self/fd")).length;
    for (let index = 0; index < 500; index++) {
      mkdirSync(path(`many/${index}`), { recursive: true });
      expect(guard.isReal(path(`many/${index}`))).toBe(true);
    }
    expect((await readdir("/proc/self/fd")).length - before).toBeLessThan(300);
    for (let index = 0; index < 500; index++) expect(guard.isReal(path(`many/${index}`))).toBe(true);
  });
});

it("a folder that is removed and made again keeps no descriptor open", async () => {
  const guard = new SymlinkGuard(new Layout(base), true);
  const before = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 50; round++) {
    mkdirSync(path("again"));
    expect(guard.isReal(path("again"))).toBe(true);
    await nextTurn();
    rmSync(path("again"), { recursive: true });
  }
  expect(readdirSync("/proc/self/fd").length - before).toBeLessThan(10);
  guard.close();
});

it("writes land in the real folder when a link takes its place between the look and the write", () => {
  const guard = new SymlinkGuard(new Layout(base), true);
  mkdirSync(join(root, "outside"));
  const at = guard.at(path("a/b/new"));
  renameSync(path("a/b"), path("a/old"));
  symlinkSync(join(root, "outside"), path("a/b"));
  writeFileSync(at, "content");
  expect(readdirSync(join(root, "outside"))).toEqual([]);
  expect(readdirSync(path("a/old"))).toContain("new");
  guard.close();
});
