import { spawnSync } from "node:child_process";
import { readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { thisHost } from "#dist/storage/backends/local/record/lock-owner.js";
import { freshStorage, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

/** A process that is certainly gone. */
const deadPid = spawnSync(process.execPath, ["--version"]).pid;
const living = { host: thisHost, pid: process.pid, startedAt: "1", user: "another" };
const dead = { ...living, pid: deadPid };

async function lock(base: string, key: string, holder: object): Promise<string> {
  const path = join(base, ".svc-infra/pending", key.replaceAll("/", "~"));
  await writeFile(path, JSON.stringify({ format: 1, key, holder, version: "0".repeat(24) }));
  return path;
}

describe("what a dead writer left", () => {
  it("a lock of it is broken by the next writer, also when its pid lives on in another process", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a", "old");
    for (const holder of [dead, living]) {
      await lock(base, "t/a", holder);
      expect(await outcomeOf(storage.put("t/a", "new"))).toBe("done");
    }
    expect(await textOf(storage.get("t/a"))).toBe("new");
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
  });

  it("a lock of another host stands until it is old", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "old");
    const path = await lock(base, "a", { ...dead, host: "elsewhere" });
    const write = storage.put("a", "new", { signal: AbortSignal.timeout(500) });
    expect(await outcomeOf(write)).toBe("timeout");
    expect(await textOf(storage.get("a"))).toBe("old");
    const past = new Date(Date.now() - 60_000);
    await utimes(path, past, past);
    expect(await outcomeOf(storage.put("a", "new"))).toBe("done");
  });

  it("a body that became visible gets the record that was still pending", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a", "content", { metadata: { owner: "u1" } });
    const pending = join(base, ".svc-infra/pending/t~a");
    const sidecar = join(base, ".svc-infra/meta/t/a.meta.json");
    await rename(sidecar, pending);
    await writeFile(pending, (await readFile(pending, "utf8")).replace(/"pid":\d+/, `"pid":${deadPid}`), {
      flag: "r+",
    });
    await rm(join(base, ".svc-infra/meta/t"), { recursive: true });
    expect((await storageOn(base).getMetadata("t/a")).metadata).toEqual({ owner: "u1" });
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
    expect(JSON.parse(await readFile(sidecar, "utf8"))).toMatchObject({ metadata: { owner: "u1" } });
  });

  it("a record that cannot be put away keeps no process from opening the folder", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a", "content", { metadata: { owner: "u1" } });
    const pending = join(base, ".svc-infra/pending/t~a");
    await rename(join(base, ".svc-infra/meta/t/a.meta.json"), pending);
    const text = (await readFile(pending, "utf8")).replace(/"pid":\d+/, `"pid":${deadPid}`);
    await writeFile(pending, text, { flag: "r+" });
    await rm(join(base, ".svc-infra/meta/t"), { recursive: true });
    await writeFile(join(base, ".svc-infra/meta/t"), "no room for a folder");
    const reader = storageOn(base);
    expect((await reader.getMetadata("t/a")).metadata).toEqual({ owner: "u1" });
    expect(await textOf(reader.get("t/a"))).toBe("content");
  });

  it.each([
    ["a small one", "content"],
    ["a large one", Buffer.alloc(200_000)],
  ])(
    "a record that cannot be put away is still found, and the next writer of the key goes on: %s",
    async (_size, content) => {
      const { base, storage } = await freshStorage();
      await storage.check();
      const obstacle = join(base, ".svc-infra/meta/t");
      await writeFile(obstacle, "");
      expect((await storage.put("t/a", content, { metadata: { owner: "u1" } })).metadata).toEqual({
        owner: "u1",
      });
      expect(await readdir(join(base, ".svc-infra/pending"))).toEqual(["t~a"]);
      const other = storageOn(base);
      expect((await other.getMetadata("t/a")).metadata).toEqual({ owner: "u1" });
      await rm(obstacle);
      expect(await outcomeOf(other.put("t/a", "new", { signal: AbortSignal.timeout(5000) }))).toBe("done");
      expect(await textOf(storage.get("t/a"))).toBe("new");
      expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
    },
  );

  it("temporary files are swept when the folder is opened, those of the living are not", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "x");
    const temps = join(base, ".svc-infra/tmp");
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield Buffer.alloc(200_000);
      yield Buffer.alloc(200_000);
      await held;
      yield Buffer.from("end");
    }
    const upload = storage.put("slow", slow());
    while ((await readdir(temps)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const [mine = ""] = await readdir(temps);
    await writeFile(join(temps, mine.replace(`-${process.pid}-`, `-${deadPid}-`)), "left");
    await writeFile(join(temps, "stray"), "left");
    await storageOn(base).exists("a");
    expect(await readdir(temps)).toEqual([mine]);
    release();
    expect((await upload).size).toBe(400_003);
    expect(await readdir(temps)).toEqual([]);
  });

  it("a source that fails or an abort leaves the old object and no file", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "old");
    async function* failing() {
      yield Buffer.alloc(300_000);
      throw new Error("the source broke");
    }
    async function* endless() {
      yield Buffer.alloc(300_000);
      await new Promise(() => undefined);
    }
    expect(await outcomeOf(storage.put("a", failing()))).not.toBe("done");
    expect(await outcomeOf(storage.put("a", endless(), { signal: AbortSignal.timeout(200) }))).toBe(
      "timeout",
    );
    expect(await textOf(storage.get("a"))).toBe("old");
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });
});
