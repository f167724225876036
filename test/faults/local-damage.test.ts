import { spawnSync } from "node:child_process";
import { copyFile, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { freshStorage, outcomeOf, storageOn } from "../storage/local/fresh-store.js";

/** A process that is certainly gone. */
const deadPid = spawnSync(process.execPath, ["--version"]).pid;
const rounds = Number(process.env.DAMAGE_ROUNDS ?? 300);
const described = { contentType: "text/x-odd", filename: "名前.txt", metadata: { owner: "u1" } };
const sidecarOf = (base: string, key: string) => join(base, ".svc-infra/meta", `${key}.meta.json`);

/** Codes that a call on one damaged object may end with. */
const typed = new Set([
  "done",
  "corrupt",
  "not_found",
  "key_conflict",
  "precondition_failed",
  "invalid_range",
]);

async function callsOn(storage: ReturnType<typeof storageOn>, key: string): Promise<readonly string[]> {
  const calls = [
    () => storage.get(key),
    () => storage.getMetadata(key),
    () => storage.exists(key),
    () => storage.open(key, { range: { start: 0, end: 1 } }).then(({ body }) => body.bytes()),
    () => storage.copy(key, "elsewhere"),
    () => storage.put(key, "new", { ifMatch: "0".repeat(24) }),
    () => storage.list(),
  ];
  const outcomes: string[] = [];
  for (const call of calls) outcomes.push(await outcomeOf(call()));
  return outcomes;
}

describe("a damaged sidecar", () => {
  it.each([
    ["is cut by a byte", (text: Buffer) => text.subarray(0, -1)],
    ["is empty", () => Buffer.alloc(0)],
    ["has a tail of zeros", (text: Buffer) => Buffer.concat([text, Buffer.alloc(4096)])],
    ["is null", () => Buffer.from("null")],
    [
      "has a record of another shape",
      (text: Buffer) => replaced(text, '"filename":"名前.txt"', '"filename":7'),
    ],
    ["has metadata of another shape", (text: Buffer) => replaced(text, '{"owner":"u1"}', '{"owner":{}}')],
    ["has another size", (text: Buffer) => replaced(text, '"size":7', '"size":8')],
  ])("that %s is corrupt in every call on that object, and in no other", async (_how, change) => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a", "content", described);
    await storage.put("t/b", "content", described);
    await writeFile(sidecarOf(base, "t/a"), change(await readFile(sidecarOf(base, "t/a"))));
    const other = storageOn(base);
    for (const call of [
      () => other.get("t/a"),
      () => other.getMetadata("t/a"),
      () => other.copy("t/a", "t/c"),
      () => other.put("t/a", "x", { ifMatch: "0".repeat(24) }),
    ])
      expect(await outcomeOf(call())).toBe("corrupt");
    expect(await other.getMetadata("t/b")).toMatchObject(described);
    expect(await other.listKeys()).toEqual(["t/a", "t/b"]);
    expect(await outcomeOf(other.put("t/a", "whole", described))).toBe("done");
    expect(await other.getMetadata("t/a")).toMatchObject(described);
  });
});

function replaced(text: Buffer, from: string, to: string): Buffer {
  const changed = text.toString().replace(from, to);
  expect(changed).not.toBe(text.toString());
  return Buffer.from(changed);
}

it("a body whose size is not that of its record while its date is the same is corrupt", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "content", described);
  const { atimeMs, mtimeMs } = await stat(join(base, "a"));
  const sidecar = JSON.parse(await readFile(sidecarOf(base, "a"), "utf8"));
  await truncate(join(base, "a"), 3);
  await utimes(join(base, "a"), atimeMs / 1000, (sidecar.stampUs + 0.25) / 1e6);
  expect(Math.abs((await stat(join(base, "a"))).mtimeMs - mtimeMs)).toBeLessThan(0.001);
  for (const each of [storage, storageOn(base)]) {
    expect(await outcomeOf(each.get("a"))).toBe("corrupt");
    expect(await outcomeOf(each.getMetadata("a"))).toBe("corrupt");
  }
  expect(await storage.delete("a")).toBe(true);
});

it("a body whose record names another key is not found", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "content", described);
  await storage.put("b", "content", described);
  const { stampUs } = JSON.parse(await readFile(sidecarOf(base, "a"), "utf8"));
  await copyFile(sidecarOf(base, "a"), sidecarOf(base, "b"));
  await utimes(join(base, "b"), 1, (stampUs + 0.25) / 1e6);
  const other = storageOn(base);
  expect(await outcomeOf(other.get("b"))).toBe("not_found");
  expect(await outcomeOf(other.getMetadata("b"))).toBe("not_found");
  expect(await outcomeOf(other.get("a"))).toBe("done");
});

it("a key's folder that became an object leaves nothing behind", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("p/q/r", "1", described);
  await storage.delete("p/q/r");
  await storage.put("p", "2", described);
  expect(await storage.listKeys()).toEqual(["p"]);
  expect(await readdir(join(base, ".svc-infra/meta"))).toEqual(["p.meta.json"]);
  for (const folder of ["tmp", "pending"])
    expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
});

/** A writer waits for an owner that lives, also when damage makes another user of that process of it. */
function ofDeadOwner(record: string): string {
  return record.replace(/"pid":\d+/, `"pid":${deadPid}`);
}

/** A random change of one byte, a cut, or a tail of zeros. */
function damage(bytes: Buffer): Buffer {
  const at = Math.floor(Math.random() * bytes.length);
  const how = Math.floor(Math.random() * 3);
  if (how === 0) return bytes.subarray(0, at);
  if (how === 1) return Buffer.concat([bytes, Buffer.alloc(1 + at)]);
  const changed = Buffer.from(bytes);
  changed[at] = Math.floor(Math.random() * 256);
  return changed;
}

it(
  `random damage in sidecars, bodies and lock files gives typed answers only (${rounds} rounds)`,
  async () => {
    const { base, storage } = await freshStorage();
    await storage.put("whole", "content", described);
    for (let round = 0; round < rounds; round++) {
      const key = `t/k${round % 20}`;
      await storage.put(key, `content ${round}`, described);
      const lock = join(base, ".svc-infra/pending", key.replaceAll("/", "~"));
      const kind = round % 3;
      if (kind === 2) await writeFile(lock, ofDeadOwner(await readFile(sidecarOf(base, key), "utf8")));
      const path = [sidecarOf(base, key), join(base, key), lock][kind] ?? lock;
      await writeFile(path, damage(await readFile(path)));
      const other = round % 10 === 0 ? storageOn(base) : storage;
      // Old enough that no writer waits for an owner that cannot be asked.
      const past = new Date(Date.now() - 60_000);
      if (kind === 2) await utimes(lock, past, past);
      for (const outcome of await callsOn(other, key))
        expect(typed, `${round}: ${outcome}`).toContain(outcome);
      expect(typed).toContain(await outcomeOf(other.put(key, "written over")));
    }
    expect(await storage.getMetadata("whole")).toMatchObject(described);
  },
  rounds * 200 + 30_000,
);

it("an error on a damaged object is a StorageError", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "content");
  await truncate(sidecarOf(base, "a"), 10);
  await expect(storageOn(base).get("a")).rejects.toBeInstanceOf(StorageError);
});
