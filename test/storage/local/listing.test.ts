import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { FolderCache } from "#dist/storage/backends/local/read/folder-cache.js";
import { writePlace } from "#dist/storage/backends/local/read/list-cursor.js";
import { freshStorage, outcomeOf } from "./fresh-store.js";

const keys = [
  "a",
  "a.b",
  "a-b",
  "b/a",
  "b/c/d",
  "b/c.d",
  "b/c-d",
  "b.c",
  "b0",
  "c/1",
  "c/2",
  "c/3",
  "d/e/f/g",
];

describe("listing", () => {
  it("is in the order of whole keys, in pages of any size, with any prefix and delimiter", async () => {
    const { storage } = await freshStorage();
    const sorted = [...keys].sort();
    for (const key of keys) await storage.put(key, key);
    for (const limit of [1, 2, 3, 1000]) {
      for (const prefix of ["", "a", "b", "b/", "b/c", "b/c/", "c/", "d/e", "nothing/"]) {
        const expected = sorted.filter((key) => key.startsWith(prefix));
        expect(await pagesOf(storage, { prefix, limit })).toEqual(expected);
        const rolled = [...new Set(expected.map((key) => rollUp(key, prefix)))];
        expect(await pagesOf(storage, { prefix, limit, delimiter: "/" })).toEqual(rolled);
      }
    }
  });

  it("sees what was written a moment ago", async () => {
    const { storage } = await freshStorage();
    for (let index = 0; index < 50; index++) {
      await storage.put(`k/${String(index).padStart(3, "0")}`, "");
      expect(await storage.listKeys({ prefix: "k/" })).toHaveLength(index + 1);
    }
  });

  it("shows no cursor that holds the prefix of the listing", async () => {
    const { storage } = await freshStorage();
    for (const key of ["tenant/a", "tenant/b/c", "tenant/d"]) await storage.put(key, "");
    for (const limit of [1, 2]) {
      const { cursor = "" } = await storage.list({ prefix: "tenant/", delimiter: "/", limit });
      expect(cursor).not.toBe("");
      expect(Buffer.from(cursor, "base64url").toString()).not.toContain("tenant");
      const rest = await storage.list({ prefix: "tenant/", delimiter: "/", cursor });
      expect([...rest.prefixes, ...rest.items.map(({ key }) => key)]).toHaveLength(3 - limit);
    }
  });

  it("shows what came behind a page that ended with its folder", async () => {
    const { storage } = await freshStorage();
    for (const key of ["a/1", "a/2", "b/1"]) await storage.put(key, "");
    await storage.list();
    await setTimeout(100);
    const { cursor = "" } = await storage.list({ limit: 2 });
    expect(await keysOf(storage, cursor)).toEqual(["b/1"]);
    await storage.put("a/3", "");
    expect(await keysOf(storage, cursor)).toEqual(["a/3", "b/1"]);
  });

  it("reads a folder again until the tick of its last change is over by this machine's clock, with any clock of the disk", async () => {
    const { base } = await freshStorage();
    const cache = new FolderCache();
    await mkdir(join(base, "a"));
    const read = async () => (await cache.folderAt(join(base, "a"), join(base, "a"))).identity;
    vi.useFakeTimers({ toFake: ["performance", "Date"], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect([await read(), await read()]).toEqual([undefined, undefined]);
    vi.advanceTimersByTime(50);
    expect(await read()).toBe(undefined);
    vi.advanceTimersByTime(1);
    expect(await read()).toBeDefined();
    await mkdir(join(base, "a/b"));
    expect([await read(), await read()]).toEqual([undefined, undefined]);
  });

  it("goes on through a large folder that changes with the names that were read since it began", async () => {
    const { base } = await freshStorage();
    for (let index = 0; index <= 10_000; index++) writeFileSync(join(base, String(index)), "");
    const cache = new FolderCache();
    const count = async (sinceMs?: number) => (await cache.folderAt(base, base, sinceMs)).names.length;
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const beganMs = performance.now();
    expect(await count(beganMs)).toBe(10_001);
    writeFileSync(join(base, "new"), "");
    expect(await count(beganMs)).toBe(10_001);
    expect(await count(beganMs + 1)).toBe(10_002);
    writeFileSync(join(base, "newer"), "");
    expect([await count(beganMs), await count()]).toEqual([10_002, 10_003]);
    writeFileSync(join(base, "newest"), "");
    vi.advanceTimersByTime(2000);
    expect(await count(beganMs)).toBe(10_004);
  });

  it("keeps folders of few names within its memory too", async () => {
    const { base } = await freshStorage();
    const [small, large] = [join(base, "small"), join(base, "large")];
    for (const folder of [small, large]) await mkdir(folder);
    writeFileSync(join(small, "a"), "");
    for (let index = 0; index < 10_000; index++) writeFileSync(join(large, String(index)), "");
    const cache = new FolderCache();
    await cache.folderAt("large/0", large);
    await setTimeout(100);
    const oldest = await cache.folderAt("large/0", large);
    expect(await cache.folderAt("large/0", large)).toBe(oldest);
    for (let index = 1; index < 99; index++) await cache.folderAt(`large/${index}`, large);
    for (let index = 0; index < 2000; index++) await cache.folderAt(`small/${index}`, small);
    expect(await cache.folderAt("large/0", large)).not.toBe(oldest);
  });

  it("takes a cursor as a place in the order of keys, whatever its name says", async () => {
    const { storage } = await freshStorage();
    for (const key of ["a", "b/1"]) await storage.put(key, "");
    for (const name of [
      "/a",
      "a//b",
      "../b",
      "a/../b",
      "./a",
      ".svc-infra/secret",
      "a\u0000",
      "a~",
      "a~x",
      "a~1~2",
      "a".repeat(1100),
    ]) {
      const cursor = writePlace("", { after: name, sinceMs: 1.5 });
      expect(await keysOf(storage, cursor)).toEqual(["a", "b/1"].filter((key) => key > name));
      const unmarked = Buffer.from(name).toString("base64url");
      expect(await outcomeOf(storage.list({ cursor: unmarked }))).toBe("invalid_argument");
    }
  });

  it("refuses a cursor of another make", async () => {
    const { storage } = await freshStorage();
    const made = writePlace("", { after: "a", sinceMs: 1.5 });
    expect(await outcomeOf(storage.list({ cursor: made }))).toBe("done");
    const [place = "", clock = ""] = made.split("~");
    const tails = [
      "",
      "~",
      "~x~1",
      `~${clock}`,
      `~${clock}~`,
      `~${clock}~x`,
      `~${clock}~-1`,
      `~${clock}~1e3`,
    ];
    const changed = [...tails.map((tail) => place + tail), `${made}~`, `${made} `, `${made}.5`, `~${made}`];
    for (const cursor of ["", "x", "MTo", "../..", "MTouLi8uLg==", ...changed]) {
      expect([cursor, await outcomeOf(storage.list({ cursor }))]).toEqual([cursor, "invalid_argument"]);
    }
  });
});

type Asked = { prefix: string; limit: number; delimiter?: "/" };
type Store = Awaited<ReturnType<typeof freshStorage>>["storage"];

async function keysOf(storage: Store, cursor: string): Promise<string[]> {
  return (await storage.list({ cursor })).items.map(({ key }) => key);
}

async function pagesOf(storage: Store, asked: Asked): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await storage.list({ ...asked, cursor });
    const names = [...page.items.map((item) => item.key as string), ...page.prefixes];
    expect(names.length).toBeLessThanOrEqual(asked.limit);
    if (cursor !== undefined) expect(names).not.toEqual([]);
    seen.push(...names.sort());
    cursor = page.cursor;
  } while (cursor !== undefined);
  return seen;
}

function rollUp(key: string, prefix: string): string {
  const slash = key.indexOf("/", prefix.length);
  return slash === -1 ? key : key.slice(0, slash + 1);
}
