import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { freshFolder, outcomeOf, storageOn, textOf } from "../storage/local/fresh-store.js";

const isRoot = process.getuid?.() === 0;
const whyNotMounted = "needs root and the right to mount a tmpfs";
const whyNotRoot = "needs root, to become someone else";

async function tinyDisk(): Promise<string> {
  const base = await freshFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", base]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", base]);
  });
  return base;
}

/** To the last byte, so that not even a lock can be written. */
function fillUp(path: string): void {
  for (;;) {
    try {
      appendFileSync(path, Buffer.alloc(1024));
    } catch {
      return;
    }
  }
}

function canMount(): boolean {
  if (!isRoot) return false;
  return spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;
}

describe("a full disk", () => {
  const isMountable = canMount();

  it.for(["fast", "full"] as const)(
    `keeps the old object and gives the space back, durability %s${isMountable ? "" : ` (${whyNotMounted})`}`,
    async (durability, { skip }) => {
      if (!isMountable) skip(whyNotMounted);
      const base = await tinyDisk();
      const storage = storageOn(base, { durability });
      await storage.put("a", "old", { metadata: { generation: "old" } });
      async function* large() {
        for (let piece = 0; piece < 40; piece++) yield Buffer.alloc(64 * 1024, 1);
      }
      expect(await outcomeOf(storage.put("a", large()))).toBe("quota_exceeded");
      expect(await outcomeOf(storage.put("b", Buffer.alloc(3_000_000)))).toBe("quota_exceeded");
      for (let index = 0; index < 40; index++)
        await outcomeOf(storage.put(`fill/${index}`, Buffer.alloc(60_000)));
      expect(await outcomeOf(storage.put("a", Buffer.alloc(60_000)))).toBe("quota_exceeded");
      expect(await outcomeOf(storage.copy("fill/1", "copied"))).toBe("quota_exceeded");
      expect(await textOf(storage.get("a"))).toBe("old");
      expect((await storage.getMetadata("a")).metadata).toEqual({ generation: "old" });
      for (const folder of ["tmp", "pending"])
        expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
      fillUp(join(base, "last-page"));
      expect(await storage.delete("fill/0")).toBe(true);
      expect(await storage.delete("fill/1")).toBe(true);
      expect(await storage.exists("fill/0")).toBe(false);
      expect(await outcomeOf(storage.put("a", "new"))).toBe("done");
    },
  );

  it(`is told at once, although the source hangs${isMountable ? "" : ` (${whyNotMounted})`}`, async ({
    skip,
  }) => {
    if (!isMountable) skip(whyNotMounted);
    const base = await tinyDisk();
    const storage = storageOn(base);
    async function* hanging() {
      // No more than it takes to fill the disk and to let go of the piece that is withheld.
      for (let piece = 0; piece < 19; piece++) yield Buffer.alloc(64 * 1024, 1);
      await new Promise(() => undefined);
    }
    expect(await outcomeOf(storage.put("a", hanging()))).toBe("quota_exceeded");
    expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  });
});

describe("a folder that belongs to someone else", () => {
  it(`is permission_denied for reads and writes${isRoot ? "" : ` (${whyNotRoot})`}`, async ({ skip }) => {
    if (!isRoot) skip(whyNotRoot);
    const base = await freshFolder();
    const storage = storageOn(base);
    await storage.put("closed/a", "x");
    await chmod(base, 0o755);
    const ask = fileURLToPath(new URL("./local-stranger.js", import.meta.url));
    const { stdout } = spawnSync(
      "setpriv",
      ["--reuid", "65534", "--clear-groups", process.execPath, ask, base],
      {
        encoding: "utf8",
      },
    );
    expect(JSON.parse(stdout)).toEqual(["permission_denied", "permission_denied", "permission_denied"]);
    expect(await textOf(storage.get("closed/a"))).toBe("x");
  });
});
