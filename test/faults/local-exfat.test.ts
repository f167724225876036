import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startExfat } from "../rigs/exfat.js";
import { freshFolder, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

// A file system that ignores case and has no hard links.
const rig = await startExfat();
let made = 0;
let base = "";

beforeEach(() => {
  base = join(rig.folder, String(made++));
});

afterAll(() => rig.stop());

const alike = ["A/x", "A/X", "a/X", "a/x", "a/y", "A/", "dot", "dot.", "a.meta.json/b", "a.META.JSON/b"];

describe("a file system that ignores case and has no hard links", () => {
  it("keeps keys that differ by case, or by a dot at the end, as objects of their own, and lists all of them", async () => {
    const storage = storageOn(base, { durability: "full" });
    const keys = alike.filter((key) => !key.endsWith("/")).sort();
    for (const key of keys) await storage.put(key, `content of ${key}`, { metadata: { key } });
    for (const key of keys) {
      expect(await textOf(storage.get(key))).toBe(`content of ${key}`);
      expect((await storage.getMetadata(key)).metadata).toEqual({ key });
    }
    expect(await storage.listKeys()).toEqual(keys);
    const pages: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page = await storage.list({ limit: 1, cursor: cursor === "" ? undefined : cursor });
      pages.push(...page.items.map(({ key }) => key));
      cursor = page.cursor;
    }
    expect(pages).toEqual(keys);
    expect(await storage.listKeys({ prefix: "A/" })).toEqual(["A/X", "A/x"]);
    expect((await storage.list({ delimiter: "/" })).prefixes).toEqual([
      "A/",
      "a.META.JSON/",
      "a.meta.json/",
      "a/",
    ]);
    expect(await storage.delete("A/x")).toBe(true);
    expect(await storage.delete("A/x")).toBe(false);
    expect(await storage.listKeys({ prefix: "a/" })).toEqual(["a/X", "a/x", "a/y"]);
    await expect(storage.put("A/X/b", "")).rejects.toMatchObject({
      message: "'A/X/b' cannot be an object while 'A/X' is one",
    });
  });

  it("shares nothing between two tenants whose keys differ by case, and leaks nothing", async () => {
    const storage = storageOn(base);
    const [one, two] = [storage.forTenant("t1"), storage.forTenant("t2")];
    await one.put("Invoices/Secret", "of one", { ifAbsent: true });
    for (const other of ["invoices/secret", "INVOICES/SECRET", "../t1/Invoices/Secret", "Invoices/Secret"]) {
      expect(await outcomeOf(two.get(other)), other).toMatch(/^(not_found|invalid_key)$/);
    }
    expect(await two.listKeys()).toEqual([]);
    await two.put("invoices/secret", "of two", { ifAbsent: true });
    await one.put("invoices/secret", "of one, small", { ifAbsent: true });
    expect(await textOf(one.get("Invoices/Secret"))).toBe("of one");
    expect(await textOf(one.get("invoices/secret"))).toBe("of one, small");
    expect(await textOf(two.get("invoices/secret"))).toBe("of two");
    expect(await one.deletePrefix("invoices/")).toBe(1);
    expect(await one.listKeys()).toEqual(["Invoices/Secret"]);
    expect(await two.listKeys()).toEqual(["invoices/secret"]);
    // A folder of a tenant by another spelling is no way into it.
    expect(await storage.listKeys({ prefix: "T1/" })).toEqual([]);
    expect(await outcomeOf(storage.get("T1/Invoices/Secret"))).toBe("not_found");
  });

  it("has everything that needs no hard link: ifAbsent, ifMatch, copies, uploads and a signing secret", async () => {
    const storage = storageOn(base, { durability: "full", baseUrl: "http://127.0.0.1:1/files" });
    const races = Array.from({ length: 20 }, () => outcomeOf(storage.put("N", "x", { ifAbsent: true })));
    expect((await Promise.all(races)).filter((outcome) => outcome === "done")).toHaveLength(1);
    const { etag } = await storage.getMetadata("N");
    expect(await outcomeOf(storage.put("N", "y", { ifMatch: etag }))).toBe("done");
    await storage.copy("N", "copied");
    expect(await textOf(storage.get("copied"))).toBe("y");
    const upload = await storage.createUpload("Large");
    await upload.writePart(1, Buffer.alloc(200_000, 1));
    expect((await upload.complete()).size).toBe(200_000);
    expect(await storage.getUrl("N")).toContain("signature=");
    expect(await storage.listKeys()).toEqual(["Large", "N", "copied"]);
  });

  it("finds an object at every moment while it is replaced", async () => {
    const storage = storageOn(base);
    await storage.put("k", "0");
    let isDone = false;
    const readers = Array.from({ length: 4 }, async () => {
      while (!isDone) await storage.get("k");
    });
    for (let turn = 1; turn <= 200; turn++) await storage.put("k", String(turn));
    isDone = true;
    await Promise.all(readers);
    expect(await textOf(storage.get("k"))).toBe("200");
  });

  it("shows a file that was put there by hand under the name that it has in small letters", async () => {
    await mkdir(join(base, "Photos"), { recursive: true });
    await writeFile(join(base, "Photos", "Cat.TXT"), "meow");
    const storage = storageOn(base);
    expect(await storage.listKeys()).toEqual(["photos/cat.txt"]);
    expect(await textOf(storage.get("photos/cat.txt"))).toBe("meow");
    expect(await outcomeOf(storage.get("Photos/Cat.TXT"))).toBe("not_found");
  });

  it("is told by the folder, which can be taken to a file system that tells case apart", async () => {
    await storageOn(base).put("A/x", "mine");
    const copied = join(await freshFolder(), "copied");
    await cp(base, copied, { recursive: true });
    const storage = storageOn(copied);
    expect(await storage.listKeys()).toEqual(["A/x"]);
    expect(await textOf(storage.get("A/x"))).toBe("mine");
  });

  it("refuses a folder that was written where case counts, and says what to do", async () => {
    const elsewhere = join(await freshFolder(), "elsewhere");
    await storageOn(elsewhere).put("Tenant/x", "mine");
    await cp(elsewhere, base, { recursive: true });
    await expect(storageOn(base).get("Tenant/x")).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("svc-infra storage copy"),
    });
    const small = `${base}-small`;
    await rm(join(elsewhere, "Tenant"), { recursive: true });
    await rm(join(elsewhere, ".svc-infra/meta/Tenant"), { recursive: true });
    await storageOn(elsewhere).put("tenant/x", "mine");
    await cp(elsewhere, small, { recursive: true });
    expect(await textOf(storageOn(small).get("tenant/x"))).toBe("mine");
    expect(await readdir(join(small, ".svc-infra"))).toContain("unfolded");
  });
});
