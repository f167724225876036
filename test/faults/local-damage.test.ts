import { spawnSync } from "node:child_process";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { Storage, StorageError } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { describe, expect, it, onTestFinished } from "vitest";
import { freshStorage, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";
import { damage } from "./damage.js";

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

const damages: readonly (readonly [how: string, change: (text: Buffer) => Buffer])[] = [
  ["is cut by a byte", (text) => text.subarray(0, -1)],
  ["is empty", () => Buffer.alloc(0)],
  ["has a tail of zeros", (text) => Buffer.concat([text, Buffer.alloc(4096)])],
  ["is null", () => Buffer.from("null")],
  ["has a record of another shape", (text) => replaced(text, '"filename":"名前.txt"', '"filename":7')],
  ["has metadata of another shape", (text) => replaced(text, '{"owner":"u1"}', '{"owner":{}}')],
  ["has another size", (text) => replaced(text, '"size":7', '"size":8')],
];

/** A folder with two objects, of which the sidecar of `t/a` is damaged. */
async function damagedFolder(change: (text: Buffer) => Buffer): Promise<string> {
  const { base, storage } = await freshStorage();
  await storage.put("t/a", "content", described);
  await storage.put("t/b", "content", described);
  await writeFile(sidecarOf(base, "t/a"), change(await readFile(sidecarOf(base, "t/a"))));
  return base;
}

describe.each(damages)("a damaged sidecar that %s", (_how, change) => {
  it("is corrupt in every call on that object, and in no other", async () => {
    const other = storageOn(await damagedFolder(change));
    for (const call of [
      () => other.get("t/a"),
      () => other.getMetadata("t/a"),
      () => other.open("t/a"),
      () => other.exists("t/a"),
      () => other.copy("t/a", "t/c"),
      () => other.move("t/a", "t/c"),
      () => other.put("t/a", "x", { ifMatch: "0".repeat(24) }),
    ])
      expect(await outcomeOf(call()), String(call)).toBe("corrupt");
    expect(await other.getMetadata("t/b")).toMatchObject(described);
    expect((await other.list()).items).toMatchObject([
      { key: "t/a", size: 7 },
      { key: "t/b", size: 7 },
    ]);
    expect(await outcomeOf(other.put("t/a", "whole", described))).toBe("done");
    expect(await other.getMetadata("t/a")).toMatchObject(described);
  });

  it("is a problem with the code corrupt on every route, until it is written over", async () => {
    const app = Fastify();
    onTestFinished(() => app.close());
    const storage = await addStorage(app, storageOn(await damagedFolder(change)), {
      authorize: "open",
      serveFiles: true,
    });
    const signed = new URL(await storage.getUrl("t/a"));
    const download = "/_storage/download/t/a";
    const urls = [download, "/_storage/metadata/t/a", signed.pathname + signed.search];
    const headers = { host: "localhost" };
    for (const url of urls) {
      const answer = await app.inject({ url, headers });
      expect([answer.statusCode, answer.json()], url).toMatchObject([500, { status: 500, code: "corrupt" }]);
    }
    const ranged = await app.inject({ url: download, headers: { ...headers, range: "bytes=0-1" } });
    expect([ranged.statusCode, ranged.json()]).toMatchObject([500, { code: "corrupt" }]);
    for (const url of [download, signed.pathname + signed.search]) {
      const { statusCode, body } = await app.inject({ method: "HEAD", url, headers });
      expect([statusCode, body]).toEqual([500, ""]);
    }
    const listed = await app.inject({ url: "/_storage/list?details=true", headers });
    expect(listed.json()).toMatchObject({ keys: ["t/a", "t/b"], items: [{ size: 7 }, { size: 7 }] });
    expect((await app.inject({ url: "/_storage/download/t/b", headers })).body).toBe("content");
    const files = { url: "/_storage/files/t/a", headers } as const;
    const removal = await app.inject({ ...files, method: "DELETE" });
    expect([removal.statusCode, removal.json()]).toMatchObject([500, { code: "corrupt" }]);
    const put = await app.inject({ ...files, method: "PUT", payload: "whole" });
    expect(put.statusCode).toBeLessThan(300);
    expect((await app.inject({ url: download, headers })).body).toBe("whole");
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
  // A put of its own content replaces the body and the wrong record; the other key keeps both.
  await other.put("b", "of b", described);
  expect(new TextDecoder().decode(await storageOn(base).get("b"))).toBe("of b");
  expect(await outcomeOf(storageOn(base).get("a"))).toBe("done");
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

/** Reads what a folder has whose journal is damaged; the objects in `untouched` are as they were written. */
async function readDamagedJournal(base: string, untouched: readonly string[], what: string): Promise<void> {
  const storage = new Storage(new LocalBackend({ basePath: base, durability: "fast" }));
  for (const key of ["t/a", "t/b"]) {
    for (const call of [() => storage.get(key), () => storage.getMetadata(key), () => storage.exists(key)])
      expect(typed, what).toContain(await outcomeOf(call()));
  }
  for (const key of untouched) expect(await storage.getMetadata(key), what).toMatchObject(described);
  expect((await storage.list()).items.map(({ key }) => key)).toEqual(["t/a", "t/b", "t/c"]);
  await storage.close();
}

it(`random damage in journals of versions before gives typed answers only (${rounds} rounds)`, {
  timeout: rounds * 200 + 30_000,
}, async () => {
  const { base, storage } = await freshStorage();
  const keys = ["t/a", "t/b", "t/c"];
  for (const key of keys) await storage.put(key, key, described);
  await storage.close();
  const sidecars = ["t/a", "t/b"].map((key) => sidecarOf(base, key));
  const texts = await Promise.all(sidecars.map((path) => readFile(path, "utf8")));
  const journals = join(base, ".svc-infra/journal");
  const name = `${"0".repeat(12)}-1-1-${"a".repeat(16)}-${"b".repeat(24)}`;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(sidecars.map((path, index) => writeFile(path, texts[index] ?? "")));
    await mkdir(journals, { recursive: true });
    await writeFile(join(journals, name), damage(Buffer.from(texts.map(ofDeadOwner).join("\n"))));
    // Every second time the sidecars are lost, so that the journal has to bring them back.
    const areLost = round % 2 === 0;
    if (areLost) await Promise.all(sidecars.map((path) => rm(path)));
    await readDamagedJournal(base, areLost ? ["t/c"] : keys, `round ${round}`);
  }
});

/** Codes that an upload in parts may end with whose note or parts are damaged. */
const typedOfUploads = new Set(["done", "corrupt", "not_found", "invalid_argument"]);

it(`random damage in the notes and parts of uploads gives typed answers only (${rounds} rounds)`, {
  timeout: rounds * 200 + 30_000,
}, async () => {
  const { base, storage } = await freshStorage();
  const whole = await storage.createUpload("whole", described);
  const kept = await whole.writePart(1, "kept");
  for (let round = 0; round < rounds; round++) {
    const before = new Set(await readdir(join(base, ".svc-infra/multipart")));
    const upload = await storage.createUpload("t/parts", described);
    const content = `content ${round}`;
    const part = await upload.writePart(1, content);
    const id = (await readdir(join(base, ".svc-infra/multipart"))).find((each) => !before.has(each)) ?? "";
    const folder = join(base, ".svc-infra/multipart", id);
    const names = (await readdir(folder)).sort();
    const path = join(folder, names[round % names.length] ?? "");
    await writeFile(path, damage(await readFile(path)));
    const outcomes = [
      await outcomeOf(upload.listParts()),
      await outcomeOf(upload.writePart(2, "more")),
      await outcomeOf(upload.complete({ parts: [part] })),
      await outcomeOf(storage.getMetadata("t/parts")),
      await outcomeOf(upload.abort()),
    ];
    for (const outcome of outcomes) expect(typedOfUploads, `${round}: ${outcomes}`).toContain(outcome);
    // What was completed can be read, and is what was sent.
    if (outcomes[2] === "done") {
      expect(outcomes[3], `round ${round}`).toBe("done");
      expect(await textOf(storage.get("t/parts")), `round ${round}`).toBe(content);
    }
    if (round % 20 === 0) expect(await outcomeOf(storage.sweep({ dryRun: true }))).toBe("done");
    await rm(folder, { recursive: true, force: true });
  }
  expect((await whole.complete({ parts: [kept] })).size).toBe(4);
  expect(await storage.getMetadata("whole")).toMatchObject(described);
});

describe("parts of an upload that are damaged", () => {
  async function twoParts() {
    const { base, storage } = await freshStorage();
    const upload = await storage.createUpload("a", described);
    const parts = [await upload.writePart(1, Buffer.alloc(1000, "x")), await upload.writePart(2, "end")];
    const folder = join(
      base,
      ".svc-infra/multipart",
      (await readdir(join(base, ".svc-infra/multipart")))[0] ?? "",
    );
    const first = (await readdir(folder)).find((name) => name.startsWith("1-")) ?? "";
    return { storage, upload, parts, folder, first };
  }

  it("are refused, and are sent again, where bytes were lost", async () => {
    const { storage, upload, parts, folder, first } = await twoParts();
    await truncate(join(folder, first), 400);
    await truncate(join(folder, first), 1000);
    expect(await outcomeOf(upload.complete({ parts }))).toBe("corrupt");
    expect(await storage.exists("a")).toBe(false);
    expect(await upload.listParts()).toEqual(parts.slice(1));
    await upload.writePart(1, Buffer.alloc(1000, "x"));
    await upload.complete({ parts: await upload.listParts() });
    expect(await textOf(storage.get("a"))).toBe(`${"x".repeat(1000)}end`);
  });

  it.each([400, 1001])("are not listed where their size is another one: %i", async (size) => {
    const { upload, parts, folder, first } = await twoParts();
    await truncate(join(folder, first), size);
    expect(await upload.listParts()).toEqual(parts.slice(1));
    expect(await outcomeOf(upload.complete({ parts }))).toBe("invalid_argument");
  });

  it("are not asked for a checksum that a version before did not keep", async () => {
    const { storage, upload, folder, first } = await twoParts();
    const [number, etag = "", size] = first.split("-");
    await rename(join(folder, first), join(folder, `${number}-${etag.slice(0, 24)}-${size}`));
    const parts = await upload.listParts();
    expect(parts.map((part) => part.etag.length)).toEqual([24, 32]);
    await upload.complete({ parts });
    expect((await storage.get("a")).byteLength).toBe(1003);
  });

  it("are listed as they were kept last, where the one before was not removed", async () => {
    const { upload, folder, first } = await twoParts();
    for (let turn = 0; turn < 8; turn++) {
      const [before = ""] = (await readdir(folder)).filter((name) => name.startsWith("1-"));
      const part = await upload.writePart(1, "newer");
      expect(await readdir(folder)).not.toContain(before);
      await writeFile(join(folder, first), Buffer.alloc(1000, "x"));
      await new Promise((done) => setTimeout(done, 5));
      const kept = (await readdir(folder)).find((name) => name.includes(part.etag)) ?? "";
      await rename(join(folder, kept), join(folder, `${kept}+`));
      await rename(join(folder, `${kept}+`), join(folder, kept));
      expect((await upload.listParts())[0]).toEqual(part);
    }
  });
});

it("an error on a damaged object is a StorageError", async () => {
  const { base, storage } = await freshStorage();
  await storage.put("a", "content");
  await truncate(sidecarOf(base, "a"), 10);
  await expect(storageOn(base).get("a")).rejects.toBeInstanceOf(StorageError);
});
