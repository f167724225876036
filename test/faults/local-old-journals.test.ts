import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, realpath, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { freshStorage, outcomeOf, storageOn } from "../storage/local/fresh-store.js";

const described = { contentType: "text/x-power", metadata: { owner: "u1" } };
const keys = ["small", "twice", "large", "deep/copy"];
/** A process that is certainly gone. */
const deadPid = spawnSync(process.execPath, ["--version"]).pid;

const sidecarOf = (base: string, key: string) => join(base, ".svc-infra/meta", `${key}.meta.json`);

/** A record as versions before 1.0 wrote it: with the key near the end. */
async function oldRecord(base: string, key: string): Promise<string> {
  const {
    stampUs,
    size,
    key: _,
    format,
    holder,
    ...rest
  } = JSON.parse(await readFile(sidecarOf(base, key), "utf8"));
  return JSON.stringify({ stampUs, size, ...rest, format, key, holder: { ...holder, host: "old", pid: 1 } });
}

/** A folder of the version before whose journal, of another boot, holds what its sidecars hold. */
async function oldFolder(): Promise<{ base: string; journal: string }> {
  const { base, storage } = await freshStorage({ durability: "full" });
  for (const key of keys) await storage.put(key, key, described);
  await storage.close();
  const lines = await Promise.all(keys.map((key) => oldRecord(base, key)));
  const journal = join(
    base,
    ".svc-infra/journal",
    `${"0".repeat(12)}-1-1-${"a".repeat(16)}-${"b".repeat(24)}`,
  );
  await mkdir(join(base, ".svc-infra/journal"));
  await writeFile(journal, `\n{"torn":\n\n${lines.join("\n\n")}\n\0\0\0`);
  return { base, journal };
}

async function expectDescribed(base: string): Promise<void> {
  const storage = storageOn(base, { durability: "full" });
  for (const key of keys) {
    expect(await storage.getMetadata(key), key).toMatchObject(described);
    expect(await outcomeOf(storage.get(key)), key).toBe("done");
    expect(JSON.parse(await readFile(sidecarOf(base, key), "utf8"))).toMatchObject(described);
  }
}

describe("a folder of a version that kept journals", () => {
  it.each([
    ["are empty", (path: string) => truncate(path)],
    ["are cut off", (path: string) => truncate(path, 60)],
    ["are missing", (path: string) => rm(path)],
    ["are whole", async () => undefined],
  ])("loses nothing when sidecars %s after a power cut", async (_how, lose) => {
    const { base } = await oldFolder();
    for (const key of keys) await lose(sidecarOf(base, key));
    await expectDescribed(base);
  });

  it("loses its journals once their records are in sidecars, and their folder", async () => {
    const { base, journal } = await oldFolder();
    await storageOn(base).check();
    expect(await readdir(join(base, ".svc-infra/journal"))).toHaveLength(1);
    const past = new Date(Date.now() - 2 * 60 * 60 * 1000);
    await utimes(journal, past, past);
    for (const key of keys) await rm(sidecarOf(base, key));
    await expectDescribed(base);
    await vi.waitFor(async () => expect(await readdir(join(base, ".svc-infra"))).not.toContain("journal"));
  });

  it("keeps the journal of a process that lives", async () => {
    const { base, journal } = await oldFolder();
    const text = await readFile(journal);
    const live = join(base, ".svc-infra/journal/live");
    await writeFile(live, text);
    await storageOn(base).check();
    expect(await readdir(join(base, ".svc-infra/journal"))).toContain("live");
  });

  it("is not open before a record is restored that the lock of the boot before is in the way of", async () => {
    const { base } = await oldFolder();
    await rm(sidecarOf(base, "small"));
    const holder = { host: "the boot before", pid: deadPid, startedAt: "1", user: "0" };
    const lock = join(base, ".svc-infra/pending/small");
    await writeFile(lock, JSON.stringify({ format: 1, key: "small", holder, version: "0" }));
    let isAnswered = false;
    const details = storageOn(base)
      .getMetadata("small")
      .finally(() => {
        isAnswered = true;
      });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isAnswered).toBe(false);
    const past = new Date(Date.now() - 31_000);
    await utimes(lock, past, past);
    expect(await details).toMatchObject(described);
  });

  it("leaves the lock of a put alone that is under way in the same process", async () => {
    const { base } = await oldFolder();
    await rm(sidecarOf(base, "small"));
    const lock = join(base, ".svc-infra/pending/small");
    const holder = thisOwner(await realpath(base));
    await writeFile(lock, JSON.stringify({ format: 1, key: "small", holder, version: "0" }));
    const details = storageOn(base).getMetadata("small");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual(["small"]);
    await rm(lock);
    expect(await details).toMatchObject(described);
  });
});
