import fs, {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeFolder } from "#dist/storage/backends/local/folders.js";
import { thisHolder } from "#dist/storage/backends/local/holder.js";
import { Layout } from "#dist/storage/backends/local/layout.js";
import { RealFolders } from "#dist/storage/backends/local/real-folders.js";
import { Store } from "#dist/storage/backends/local/store.js";

/** Longer than a folder counts as one that may change again within the same tick. */
const settledMs = 100;

let root: string;
let base: string;
let folders: RealFolders;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "svc-infra-real-")));
  base = join(root, "base");
  mkdirSync(join(base, ".svc-infra/meta/a/b"), { recursive: true });
  mkdirSync(join(base, "a/b/c"), { recursive: true });
  folders = new RealFolders(new Layout(base));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const path = (name: string) => (name === "" ? base : join(base, name));

function becomesLink(name: string, to = join(root, `outside-${name.replaceAll("/", "-")}`)): void {
  renameSync(path(name), to);
  symlinkSync(to, path(name));
}

const every = [
  "",
  "a",
  "a/b",
  "a/b/c",
  ".svc-infra",
  ".svc-infra/meta",
  ".svc-infra/meta/a",
  ".svc-infra/meta/a/b",
];

/** Such that all of it is known. */
async function seeAll(): Promise<void> {
  for (const name of every) folders.isReal(path(name));
  await sleep(settledMs);
  for (const name of every) folders.isReal(path(name));
}

it.each(every)("'%s' is real, however often one asks", async (name) => {
  expect(folders.isReal(path(name))).toBe(true);
  await sleep(settledMs);
  for (let time = 0; time < 3; time++) expect(folders.isReal(path(name))).toBe(true);
});

it("what is missing, a file's child or below something missing is not", async () => {
  await sleep(settledMs);
  for (const name of ["x", "x/y", "a/x", "a/b/x", ".svc-infra/meta/x"]) {
    expect(folders.isReal(path(name))).toBe(false);
  }
});

describe("a folder that was seen and has not changed since", () => {
  beforeEach(seeAll);

  it.each([
    ["a", "a"],
    ["a", "a/b"],
    ["a", "a/b/c"],
    ["a/b", "a/b"],
    ["a/b", "a/b/c"],
    ["a/b/c", "a/b/c"],
    [".svc-infra", ".svc-infra"],
    [".svc-infra", ".svc-infra/meta/a/b"],
    [".svc-infra/meta", ".svc-infra/meta/a/b"],
    [".svc-infra/meta/a", ".svc-infra/meta/a/b"],
    [".svc-infra/meta/a/b", ".svc-infra/meta/a/b"],
  ])("is seen at once when '%s' becomes a link: '%s'", (planted, name) => {
    becomesLink(planted);
    expect(() => folders.isReal(path(name))).toThrow("symbolic link");
    expect(folders.isVisible(path(name))).toBe(false);
  });

  it("is seen to be gone, and to be back", () => {
    rmdirSync(path("a/b/c"));
    expect(folders.isReal(path("a/b/c"))).toBe(false);
    mkdirSync(path("a/b/c"));
    expect(folders.isReal(path("a/b/c"))).toBe(true);
  });

  it("is seen to be another's link within the base", () => {
    becomesLink("a/b/c", path("a/other"));
    expect(() => folders.isReal(path("a/b/c"))).toThrow("symbolic link");
  });
});

it("a link is seen that comes in the same tick of the clock as the folder that was seen", () => {
  for (let round = 0; round < 200; round++) {
    const name = path(`new-${round}`);
    mkdirSync(name);
    expect(folders.isReal(name)).toBe(true);
    rmdirSync(name);
    symlinkSync(root, name);
    expect(() => folders.isReal(name)).toThrow("symbolic link");
  }
});

describe("a folder that was seen is not looked at again", () => {
  const { lstatSync } = fs;
  const looks = vi.spyOn(fs, "lstatSync");

  beforeEach(() => syncBuiltinESMExports());
  afterEach(() => void vi.useRealTimers());
  afterAll(() => {
    looks.mockRestore();
    syncBuiltinESMExports();
  });

  function looksFor(name: string): unknown[] {
    looks.mockClear();
    expect(folders.isReal(path(name))).toBe(true);
    return looks.mock.calls.map(([path]) => path);
  }

  /** Looks twice each time: now, when just not enough time has passed, and when it has. */
  function expectTrustAfter(waitMs: number): void {
    vi.useFakeTimers({ toFake: ["performance"] });
    const both = [base, path("a")];
    for (const stepMs of [0, waitMs]) {
      vi.advanceTimersByTime(stepMs);
      expect([looksFor("a"), looksFor("a")]).toEqual([both, both]);
    }
    vi.advanceTimersByTime(1);
    expect([looksFor("a"), looksFor("a")]).toEqual([both, [base]]);
  }

  it("once the one above has been seen to be left alone for a while", () => {
    expectTrustAfter(50);
    mkdirSync(path("x"));
    for (let time = 0; time < 2; time++) expect(looksFor("a")).toEqual([base, path("a")]);
  });

  it("unless it has to be, as when it is gone where times of change do not tell", async () => {
    looks.mockImplementation(((path: fs.PathLike, options) => {
      const stats = lstatSync(path, options);
      return stats && Object.assign(stats, { ctimeMs: 0.5 });
    }) as typeof lstatSync);
    await seeAll();
    rmdirSync(path("a/b/c"));
    expect(folders.isReal(path("a/b/c"))).toBe(true);
    folders.lookAnew(path("a/b/c"));
    expect(folders.isReal(path("a/b/c"))).toBe(false);
    looks.mockReset();
  });

  it("and so a path costs a look at every second of its folders", async () => {
    folders.isReal(path("a/b/c"));
    await sleep(settledMs);
    folders.isReal(path("a/b/c"));
    expect(looksFor("a/b/c")).toEqual([base, path("a/b")]);
  });

  it("however long the work takes that it was looked at for", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    folders.together(() => {
      looksFor("a");
      looksFor("a/b");
      vi.advanceTimersByTime(60);
      looksFor("a");
    });
    expect(looksFor("a")).toEqual([base, path("a")]);
  });

  it("after two seconds where the file system counts in seconds", () => {
    const second = Math.floor(lstatSync(base).ctimeMs / 1000) * 1000;
    const inSeconds = (path: fs.PathLike) => Object.assign(lstatSync(path), { ctimeMs: second });
    looks.mockImplementation(inSeconds as typeof lstatSync);
    expectTrustAfter(2000);
  });
});

it.each([
  ["that was seen before", seeAll],
  ["that was not", () => undefined],
])("of a folder %s, what belongs together looks once, unless it has to look anew", async (_, before) => {
  await before();
  folders.together(() => {
    folders.together(() => expect(folders.isReal(path("a/b"))).toBe(true));
    becomesLink("a/b");
    expect(folders.isReal(path("a/b"))).toBe(true);
    folders.lookAnew(path("a/b"));
    expect(() => folders.isReal(path("a/b"))).toThrow("symbolic link");
  });
});

it("what is done together is over when it fails, too", async () => {
  await seeAll();
  expect(() =>
    folders.together(() => {
      folders.isReal(path("a/b"));
      throw new Error("no room");
    }),
  ).toThrow("no room");
  becomesLink("a/b");
  expect(() => folders.isReal(path("a/b"))).toThrow("symbolic link");
});

it("a folder that is made is looked for anew, for it may be gone since it was seen", async () => {
  const store = new Store({ base, holder: thisHolder(base), isDurable: false, id: base });
  store.realFolders.isReal(path("a/b/c"));
  await sleep(settledMs);
  store.realFolders.isReal(path("a/b/c"));
  store.realFolders.together(() => {
    expect(store.realFolders.isReal(path("a/b/c"))).toBe(true);
    rmdirSync(path("a/b/c"));
    makeFolder(store, path("a/b/c"), "a/b/c/key");
  });
  expect(lstatSync(path("a/b/c")).isDirectory()).toBe(true);
});
