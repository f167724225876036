import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Journal } from "#dist/storage/transfer/journal.js";
import { damage } from "../../faults/damage.js";
import { expectSame, fill, journalFile, memoryEnds, run } from "./ends.js";

/** A time that is no whole second, so that equal times mean the same write. */
const startMs = Date.UTC(2026, 0, 1) + 123;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: startMs }));
afterEach(() => void vi.useRealTimers());

function wait(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

const damageRounds = Number(process.env.DAMAGE_ROUNDS ?? 300);

const open = (path: string, route = "a → b") => Journal.open(path, { route, isReadOnly: false });

describe("a second run", () => {
  it("asks nothing about objects that the journal knows", async () => {
    const path = journalFile();
    const { source, target, from, to } = memoryEnds();
    await fill(source, 30);
    await run({ source, target, path });
    from.forget();
    to.forget();
    expect(await run({ source, target, path })).toMatchObject({ copied: 0, unchanged: 30 });
    expect(new Set([...from.calls, ...to.calls].map(({ verb }) => verb))).toEqual(new Set(["list"]));
  });

  it("notes what it had to compare, and so need not the next time", async () => {
    const path = journalFile();
    const { source, target, from } = memoryEnds();
    await fill(source, 10);
    await run({ source, target });
    from.forget();
    await run({ source, target, path });
    expect(from.count("stat")).toBe(10);
    await run({ source, target, path });
    expect(from.count("stat")).toBe(10);
  });

  it.each(["source", "target"] as const)(
    "copies again what changed at the %s, of the same size",
    async (where) => {
      const path = journalFile();
      const { source, target } = memoryEnds();
      await fill(source, 5);
      await source.put("k", "right", { contentType: "text/plain" });
      await run({ source, target, path });
      wait(1);
      await (where === "source" ? source : target).put("k", "WRONG", { contentType: "text/plain" });
      expect(await run({ source, target, path })).toMatchObject({ copied: 1, unchanged: 5 });
      await expectSame(source, target);
    },
  );

  it.each([
    ["was there, and is replaced right behind its note", true, 500],
    ["was written, and is replaced while it is read back", false, 5000],
  ])("copies again what %s, of the same size", async (_what, isThere, ms) => {
    const path = journalFile();
    const { source, target, to } = memoryEnds();
    await source.put("k", "right", { contentType: "text/plain" });
    if (isThere) await run({ source, target });
    wait(10_000);
    const doneMs = Date.now();
    to.onCall = ({ verb }) => {
      if (verb === "read" && !isThere) wait(10_000);
    };
    await run({ source, target, path, isVerified: true });
    vi.setSystemTime(doneMs + ms);
    await target.put("k", "WRONG", { contentType: "text/plain" });
    wait(60_000);
    await source.put("later", "x");
    await run({ source, target, path, prefix: "later" });
    expect(await run({ source, target, path })).toMatchObject({ copied: 1, unchanged: 1 });
    await expectSame(source, target);
  });

  it("copies again what was deleted at the target", async () => {
    const path = journalFile();
    const { source, target } = memoryEnds();
    await fill(source, 5);
    await run({ source, target, path });
    await target.delete("t/2/file-2.bin");
    expect(await run({ source, target, path })).toMatchObject({ copied: 1, unchanged: 4 });
    await expectSame(source, target);
  });

  it("with verification reads what was only copied, and not what was verified", async () => {
    const path = journalFile();
    const { source, target, to } = memoryEnds();
    await fill(source, 5);
    await run({ source, target, path });
    await run({ source, target, path, isVerified: true });
    expect(to.count("read")).toBe(5);
    await run({ source, target, path, isVerified: true });
    expect(to.count("read")).toBe(5);
  });
});

describe("times in whole seconds, as services tell them", () => {
  function roundedEnds() {
    const ends = memoryEnds();
    for (const end of [ends.from, ends.to]) {
      end.timeOf = (date) => new Date(Math.floor(date.getTime() / 1000) * 1000);
    }
    return ends;
  }

  it("are trusted of what was noted a while before the last entry, and asked of the rest", async () => {
    const path = journalFile();
    const { source, target, from } = roundedEnds();
    await source.put("old", "x");
    wait(10_000);
    await run({ source, target, path });
    wait(10_000);
    await source.put("new", "x");
    wait(10_000);
    await run({ source, target, path });
    from.forget();
    expect(await run({ source, target, path })).toMatchObject({ copied: 0, unchanged: 2 });
    expect(from.calls.filter(({ verb }) => verb === "stat").map(({ key }) => key)).toEqual(["new"]);
  });

  it("tell nothing of a source that may have been written again within the same second", async () => {
    const path = journalFile();
    const { source, target } = roundedEnds();
    await source.put("k", "first", { contentType: "text/plain" });
    await run({ source, target, path });
    await source.put("k", "other", { contentType: "text/plain" });
    wait(60_000);
    await source.put("later", "x");
    await run({ source, target, path, prefix: "later" });
    wait(60_000);
    expect(await run({ source, target, path })).toMatchObject({ copied: 1, unchanged: 1 });
    await expectSame(source, target);
  });
});

describe("the file", () => {
  it("may end in half a line", async () => {
    const path = journalFile();
    const { source, target, from } = memoryEnds();
    await fill(source, 6);
    await run({ source, target, path });
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, -30));
    from.forget();
    await run({ source, target, path });
    expect(from.count("stat")).toBe(1);
    from.forget();
    await run({ source, target, path });
    expect(from.count("stat")).toBe(0);
  });

  it.each([
    "{}",
    "null",
    '"text"',
    "[1]",
    '{"key":"k","size":"1"}',
    '{"key":"k","size":1,"sourceMs":-0.5}',
    "\u0000",
  ])("may hold the line %j", async (line) => {
    const path = journalFile();
    (await open(path)).close();
    appendFileSync(path, `${line}\n`);
    (await open(path)).close();
  });

  it("of another copy is refused, and left as it is", async () => {
    const path = journalFile();
    (await open(path)).close();
    const text = readFileSync(path, "utf8");
    await expect(open(path, "a → c")).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("a → b"),
    });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("that is no journal is refused, and left as it is", async () => {
    const path = journalFile();
    (await open(path)).close();
    writeFileSync(path, "# Notes\n");
    await expect(open(path)).rejects.toMatchObject({ code: "configuration" });
    expect(readFileSync(path, "utf8")).toBe("# Notes\n");
  });

  it("that cannot be one is refused with the reason", async () => {
    const path = journalFile();
    (await open(path)).close();
    await expect(open(`${path}/below`)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(/ENOTDIR|EEXIST/),
    });
  });

  it(`with random damage never makes a copy end with less than all (${damageRounds} rounds)`, async () => {
    const path = journalFile();
    const { source, target } = memoryEnds();
    await fill(source, 10);
    await run({ source, target, path });
    const whole = readFileSync(path);
    for (let round = 0; round < damageRounds; round++) {
      writeFileSync(path, damage(whole));
      const index = round % 10;
      const missing = `t/${index % 7}/file-${index}.bin`;
      await target.delete(missing);
      try {
        expect((await run({ source, target, path })).failures).toEqual([]);
        expect(await target.exists(missing)).toBe(true);
      } catch (error) {
        // A head that is damaged is not taken for that of this copy.
        expect(error).toMatchObject({ code: "configuration", message: expect.stringContaining(path) });
        await run({ source, target });
      }
    }
    await expectSame(source, target);
  });

  it("that is only read stays as it is", async () => {
    const path = journalFile();
    const { source, target } = memoryEnds();
    await fill(source, 3);
    await run({ source, target, path });
    const text = readFileSync(path, "utf8");
    const journal = await Journal.open(path, { route: "a → b", isReadOnly: true });
    await target.delete("t/1/file-1.bin");
    expect(await run({ source, target, journal, isDryRun: true })).toMatchObject({ copied: 1, unchanged: 2 });
    expect(readFileSync(path, "utf8")).toBe(text);
  });
});
