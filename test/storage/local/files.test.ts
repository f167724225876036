import { cp, mkdir, readdir, readFile, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freshFolder, freshStorage, outcomeOf, storageOn, textOf } from "./fresh-store.js";

const described = { contentType: "text/x-odd", filename: "名前.txt", metadata: { owner: "u1" } };

describe("files on disk", () => {
  it("are the plain content at the key, with the metadata as JSON beside it, readable by the owner only", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a.txt", "content", described);
    expect(await readFile(join(base, "t/a.txt"), "utf8")).toBe("content");
    const sidecar = JSON.parse(await readFile(join(base, ".svc-infra/meta/t/a.txt.meta.json"), "utf8"));
    expect(sidecar).toMatchObject({ size: 7, ...described });
    expect((await stat(join(base, "t/a.txt"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(base, "t"))).mode & 0o777).toBe(0o700);
  });

  it("keep their metadata when the folder is copied without times", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("t/a.txt", "content", described);
    await storage.put("big", Buffer.alloc(200_000, 7), described);
    const before = await storage.getMetadata("big");
    const copy = await freshFolder();
    await cp(base, copy, { recursive: true, preserveTimestamps: false });
    const restored = storageOn(copy);
    const { stampUs } = JSON.parse(await readFile(join(base, ".svc-infra/meta/big.meta.json"), "utf8"));
    expect(await restored.getMetadata("t/a.txt")).toMatchObject(described);
    expect(await restored.getMetadata("big")).toEqual(before);
    expect(Math.floor((await stat(join(copy, "big"))).mtimeMs * 1000 + 0.25)).toBe(stampUs);
    expect(await textOf(restored.get("t/a.txt"))).toBe("content");
  });

  it("that were put there by hand are served with a sniffed type and a stable ETag", async () => {
    const { base, storage } = await freshStorage();
    await storage.exists("x");
    await writeFile(join(base, "by-hand.pdf"), "%PDF-1.7 hello");
    const details = await storage.getMetadata("by-hand.pdf");
    expect(details).toMatchObject({
      contentType: "application/pdf",
      size: 14,
      metadata: {},
      checksum: undefined,
    });
    expect((await storage.getMetadata("by-hand.pdf")).etag).toBe(details.etag);
    expect(await textOf(storage.get("by-hand.pdf"))).toBe("%PDF-1.7 hello");
    expect(await storage.listKeys()).toEqual(["by-hand.pdf"]);
    expect(await outcomeOf(storage.put("by-hand.pdf", "x", { ifAbsent: true }))).toBe("precondition_failed");
    expect(await outcomeOf(storage.put("by-hand.pdf", "x", { ifMatch: details.etag }))).toBe("done");
  });

  it("that were changed by hand lose the metadata of what they were", async () => {
    const { base, storage } = await freshStorage();
    const { etag } = await storage.put("a.txt", "content", described);
    await writeFile(join(base, "a.txt"), "CONTENT");
    const details = await storage.getMetadata("a.txt");
    expect(details).toMatchObject({ metadata: {}, contentType: "text/plain; charset=utf-8" });
    expect(details.etag).not.toBe(etag);
  });

  it("whose time was touched keep their metadata, for their content is the same", async () => {
    const { base, storage } = await freshStorage();
    const before = await storage.put("a.txt", "content", described);
    await utimes(join(base, "a.txt"), 1, 1);
    expect(await storage.getMetadata("a.txt")).toMatchObject({ etag: before.etag, ...described });
  });

  it("never get the time of the body they replace, nor one before it, though the clock went back", async () => {
    const { base, storage } = await freshStorage();
    for (const content of ["small", Buffer.alloc(200_000)]) {
      await storage.put("a", "old");
      const ahead = new Date(Date.now() + 60_000);
      await utimes(join(base, "a"), ahead, ahead);
      const { mtimeMs } = await stat(join(base, "a"));
      await storage.put("a", content, described);
      expect((await stat(join(base, "a"))).mtimeMs).toBeGreaterThan(mtimeMs);
      expect(await storage.copy("a", `copy-of-${content.length}`)).toMatchObject(described);
      expect(await storage.getMetadata("a")).toMatchObject(described);
    }
  });

  it("with a damaged sidecar are a typed error for that key alone", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a", "content", described);
    await storage.put("b", "content", described);
    await writeFile(join(base, ".svc-infra/meta/a.meta.json"), '{"format":1,');
    const other = storageOn(base);
    expect(await outcomeOf(other.get("a"))).toBe("corrupt");
    expect(await textOf(other.get("b"))).toBe("content");
    expect(await other.listKeys()).toEqual(["a", "b"]);
    expect(await outcomeOf(other.put("a", "new"))).toBe("done");
    expect(await textOf(other.get("a"))).toBe("new");
  });

  it("keep metadata whose JSON was written in another order", async () => {
    const { base, storage } = await freshStorage();
    const { etag } = await storage.put("a.txt", "content", described);
    const sidecar = join(base, ".svc-infra/meta/a.txt.meta.json");
    const fields = Object.entries(JSON.parse(await readFile(sidecar, "utf8"))).reverse();
    await writeFile(sidecar, JSON.stringify(Object.fromEntries(fields), null, 2));
    expect(await storageOn(base).getMetadata("a.txt")).toMatchObject({ etag, ...described });
  });

  it("that were put there by hand are served while a writer begins to replace them", async () => {
    const { base, storage } = await freshStorage();
    await storage.check();
    await writeFile(join(base, "by-hand.txt"), "hello");
    await writeFile(join(base, ".svc-infra/pending/by-hand.txt"), "");
    expect(await textOf(storage.get("by-hand.txt"))).toBe("hello");
  });

  it("may have any name that looks like one of the kit's own", async () => {
    const { storage } = await freshStorage();
    const keys = ["a", "a.meta.json.meta.json", "a.meta.json/b", "a.meta.json/b.meta.json", "tmp/x", "x.tmp"];
    for (const key of keys) await storage.put(key, key, { metadata: { key } });
    for (const key of keys) {
      expect(await textOf(storage.get(key))).toBe(key);
      expect((await storage.getMetadata(key)).metadata).toEqual({ key });
    }
    expect(await storage.listKeys()).toEqual([...keys].sort());
    for (const key of keys) expect(await storage.delete(key)).toBe(true);
    expect(await storage.listKeys()).toEqual([]);
  });

  it("with a name that the file system cannot hold are refused", async () => {
    const { storage } = await freshStorage();
    const long = "x".repeat(245);
    for (const call of [
      storage.put(long, ""),
      storage.get(long),
      storage.delete(long),
      storage.exists(long),
    ]) {
      expect(await outcomeOf(call)).toBe("invalid_key");
    }
    expect(await outcomeOf(storage.put(`${"x".repeat(244)}/y`, ""))).toBe("done");
  });
});

describe("a key and keys below it", () => {
  it("conflict with a message that names both", async () => {
    const { storage } = await freshStorage();
    await storage.put("a", "1");
    await expect(storage.put("a/b", "2")).rejects.toMatchObject({
      code: "key_conflict",
      message: /'a\/b'.*'a'/,
    });
    await storage.put("d/e/f", "3");
    await expect(storage.put("d", "4")).rejects.toMatchObject({
      code: "key_conflict",
      message: /'d'.*'d\/e\/f'/,
    });
    await expect(storage.copy("a", "d/e")).rejects.toMatchObject({ code: "key_conflict" });
    expect(await textOf(storage.get("a"))).toBe("1");
    expect(await outcomeOf(storage.get("a/b"))).toBe("not_found");
    expect(await storage.exists("d")).toBe(false);
    expect(await storage.delete("d")).toBe(false);
  });

  it("take turns: what is empty makes room", async () => {
    const { base, storage } = await freshStorage();
    await storage.put("a/b/c", "1");
    await storage.delete("a/b/c");
    expect(await outcomeOf(storage.put("a", "2"))).toBe("done");
    await storage.delete("a");
    await mkdir(join(base, "a/left/over"), { recursive: true });
    expect(await outcomeOf(storage.put("a", "3"))).toBe("done");
  });

  it("do not lose writes to the pruning of folders", async () => {
    const { storage } = await freshStorage();
    const rounds = Array.from({ length: 200 }, (_, index) => index);
    await Promise.all(
      rounds.map(async (index) => {
        await storage.put(`p/q/${index}`, String(index));
        await storage.delete(`p/q/${index}`);
      }),
    );
    await storage.put("p/q/last", "x");
    expect(await storage.listKeys()).toEqual(["p/q/last"]);
  });
});

describe("writes that come together", () => {
  it.each(["full", "fast"] as const)("fail each for itself: %s", async (durability) => {
    const { base, storage } = await freshStorage({ durability });
    await storage.put("a", "old");
    const keys = Array.from({ length: 40 }, (_, index) =>
      index % 4 === 0 ? `a/${index}` : `t${index % 3}/${index}`,
    );
    const outcomes = await Promise.all(
      keys.map((key) => outcomeOf(storage.put(key, key, { metadata: { key } }))),
    );
    expect(outcomes).toEqual(keys.map((key) => (key.startsWith("a/") ? "key_conflict" : "done")));
    const other = storageOn(base);
    for (const key of keys.filter((each) => !each.startsWith("a/"))) {
      expect(await textOf(other.get(key))).toBe(key);
      expect((await other.getMetadata(key)).metadata).toEqual({ key });
    }
    expect(await textOf(other.get("a"))).toBe("old");
    for (const folder of ["tmp", "pending"])
      expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
  });
});

describe("symbolic links", () => {
  async function withLinks() {
    const outside = await freshFolder();
    await writeFile(join(outside, "secret"), "secret");
    const { base, storage } = await freshStorage();
    await storage.put("real/a", "inside");
    await symlink(outside, join(base, "folder"));
    await symlink(join(outside, "secret"), join(base, "file"));
    await symlink(join(outside, "missing"), join(base, "dangling"));
    await symlink(join(base, "real"), join(base, "inside"));
    return { base, storage, outside };
  }

  it("are not read, copied, listed or deleted through", async () => {
    const { storage, outside } = await withLinks();
    for (const key of ["folder/secret", "file", "dangling", "inside/a"]) {
      expect(await outcomeOf(storage.get(key))).toBe("not_found");
      expect(await outcomeOf(storage.getMetadata(key))).toBe("not_found");
      expect(await outcomeOf(storage.copy(key, "stolen"))).toBe("not_found");
      expect(await storage.delete(key)).toBe(false);
    }
    expect(await storage.listKeys()).toEqual(["real/a"]);
    expect(await storage.listKeys({ prefix: "folder/" })).toEqual([]);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
  });

  it("are not written through, and a write to the name of one replaces the link", async () => {
    const { base, storage, outside } = await withLinks();
    expect(await outcomeOf(storage.put("folder/new", "x"))).toBe("permission_denied");
    expect(await outcomeOf(storage.put("folder/deep/new", "x"))).toBe("permission_denied");
    expect(await outcomeOf(storage.put("dangling/new", "x"))).toBe("permission_denied");
    expect(await outcomeOf(storage.copy("real/a", "folder/secret"))).toBe("permission_denied");
    await storage.put("file", "ours");
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
    expect(await readFile(join(base, "file"), "utf8")).toBe("ours");
    expect(await outcomeOf(stat(join(outside, "new")))).toBe("ENOENT");
  });

  it("planted after the folder was used are seen", async () => {
    const { base, storage, outside } = await withLinks();
    await storage.put("later/a", "x");
    await storage.delete("later/a");
    await symlink(outside, join(base, "later"));
    expect(await outcomeOf(storage.put("later/secret", "x"))).toBe("permission_denied");
    await unlink(join(base, "later"));
    expect(await outcomeOf(storage.put("later/secret", "x"))).toBe("done");
  });
});

describe("readers", () => {
  it("keep the object they opened, also when the key is written or removed", async () => {
    const { storage } = await freshStorage();
    const old = Buffer.alloc(3_000_000, "o");
    for (const change of [() => storage.put("k", "new"), () => storage.delete("k")]) {
      await storage.put("k", old, { metadata: { generation: "old" } });
      const opened = await storage.open("k");
      await change();
      expect(opened.metadata).toEqual({ generation: "old" });
      expect(old.equals(Buffer.from(await opened.body.bytes()))).toBe(true);
    }
  });

  it("never meet the body of one write with the metadata of another", async () => {
    const { base, storage } = await freshStorage();
    const other = storageOn(base);
    let isOver = false;
    await storage.put("k", "0".repeat(100), { metadata: { digit: "0" } });
    const write = async (writer: typeof storage, from: number) => {
      for (let round = from; round < 600; round += 2) {
        const digit = String(round % 10);
        await writer.put("k", digit.repeat(100), { metadata: { digit } });
      }
    };
    const read = async (reader: typeof storage) => {
      let reads = 0;
      for (; !isOver; reads++) {
        const { metadata, body } = await reader.open("k");
        expect(Buffer.from(await body.bytes()).toString()).toBe(String(metadata.digit).repeat(100));
      }
      return reads;
    };
    const readers = [read(storage), read(other), read(other)];
    await Promise.all([write(storage, 0), write(other, 1)]);
    isOver = true;
    for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(10);
  });
});

describe("names of files where case does not count", () => {
  it("are not longer than a file system can name with their metadata", async () => {
    const base = await freshFolder();
    await mkdir(join(base, ".svc-infra"));
    await writeFile(join(base, ".svc-infra/unfolded"), "");
    const storage = storageOn(base);
    const long = `t/${"A".repeat(122)}`;
    for (const content of ["one", "two"]) await storage.put(long, content);
    expect(await storage.delete(long)).toBe(true);
    expect(await outcomeOf(storage.put(`${long}A`, "x"))).toBe("invalid_key");
    expect(await outcomeOf(storage.createUpload(`${long}A`))).toBe("invalid_key");
    expect((await readdir(base)).sort()).toEqual([".svc-infra"]);
    expect(await readdir(join(base, ".svc-infra/pending"))).toEqual([]);
  });
});
