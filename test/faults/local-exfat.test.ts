import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { freshFolder, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

/** A file system that ignores case and has no hard links. Needs root, loop devices and FUSE: red where they are missing. */
async function exfat(): Promise<string> {
  const folder = await freshFolder();
  const [image, mounted] = [join(folder, "image"), join(folder, "mounted")];
  await mkdir(mounted);
  await writeFile(image, "");
  await truncate(image, 64 * 1024 * 1024);
  execFileSync("mkfs.exfat", [image], { stdio: "pipe" });
  const device = execFileSync("losetup", ["-f", "--show", image], { encoding: "utf8" }).trim();
  onTestFinished(() => void spawnSync("losetup", ["-d", device]));
  execFileSync("mount.exfat-fuse", [device, mounted], { stdio: "pipe" });
  onTestFinished(() => vi.waitFor(() => void execFileSync("umount", [mounted], { stdio: "pipe" }), 5000));
  return join(mounted, "base");
}

describe("a file system that ignores case and has no hard links", () => {
  it("keeps two keys that differ by case apart: one is an object, the other is refused and not found", async () => {
    const storage = storageOn(await exfat(), { durability: "full" });
    await storage.put("A/x", "mine", { metadata: { owner: "u1" } });
    for (const other of ["a/x", "A/X"]) {
      expect(await outcomeOf(storage.get(other)), other).toBe("not_found");
      expect(await outcomeOf(storage.getMetadata(other)), other).toBe("not_found");
      expect(await storage.exists(other), other).toBe(false);
      expect(await storage.delete(other), other).toBe(false);
      const conflict = { code: "key_conflict", message: `'${other}' cannot be an object while 'A/x' is one` };
      await expect(storage.put(other, "theirs")).rejects.toMatchObject(conflict);
      await expect(storage.copy("A/x", other)).rejects.toMatchObject(conflict);
    }
    expect(await textOf(storage.get("A/x"))).toBe("mine");
    expect((await storage.getMetadata("A/x")).metadata).toEqual({ owner: "u1" });
    const [one, two] = [storage.forTenant("t1"), storage.forTenant("t2")];
    await one.put("same", "1");
    await two.put("same", "2");
    expect([await textOf(one.get("same")), await textOf(two.get("same"))]).toEqual(["1", "2"]);
  });

  it("has everything that needs no hard link: ifAbsent, ifMatch, copies, uploads and a signing secret", async () => {
    const storage = storageOn(await exfat());
    const races = Array.from({ length: 20 }, () => outcomeOf(storage.put("n", "x", { ifAbsent: true })));
    expect((await Promise.all(races)).filter((outcome) => outcome === "done")).toHaveLength(1);
    const { etag } = await storage.getMetadata("n");
    expect(await outcomeOf(storage.put("n", "y", { ifMatch: etag }))).toBe("done");
    await storage.copy("n", "copied");
    expect(await textOf(storage.get("copied"))).toBe("y");
    const upload = await storage.createUpload("large");
    await upload.writePart(1, Buffer.alloc(200_000, 1));
    expect((await upload.complete()).size).toBe(200_000);
    expect(await storage.getUrl("n")).toContain("signature=");
    expect(await storage.listKeys()).toEqual(["copied", "large", "n"]);
  });
});
