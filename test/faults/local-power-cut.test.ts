import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished, vi } from "vitest";
import { freshFolder, storageOn } from "../storage/local/fresh-store.js";
import { type Expected, note, verify } from "./local-crash-log.js";

const writer = fileURLToPath(new URL("./local-crash-writer.js", import.meta.url));
const rounds = Number(process.env.POWER_CUTS ?? 5);
const whyNot = "needs root and the right to mount an ext4 file system from a file";

/** `FS_IOC_SHUTDOWN` with `NOLOGFLUSH` (Linux, ext4 and xfs): from this instant nothing reaches the disk any more. */
const cutPower = `use Fcntl; sysopen(my $f, $ARGV[0], O_RDONLY) or die $!; my $how = pack("L", 2);
  ioctl($f, 0x8004587d, $how) or die $!`;

/** A file system of its own, on a file. */
class Disk {
  readonly path: string;
  #image: string;

  private constructor(folder: string) {
    this.path = join(folder, "mounted");
    this.#image = join(folder, "image");
  }

  static async make(): Promise<Disk> {
    const folder = await freshFolder();
    const disk = new Disk(folder);
    await mkdir(disk.path);
    await writeFile(disk.#image, "");
    await truncate(disk.#image, 192 * 1024 * 1024);
    execFileSync("mkfs.ext4", ["-q", "-F", disk.#image]);
    return disk;
  }

  plugIn(): void {
    execFileSync("mount", ["-o", "loop", this.#image, this.path], { stdio: "pipe" });
  }

  cutPower(): void {
    execFileSync("perl", ["-e", cutPower, this.path]);
  }

  /**
   * A descriptor may be on its way to be closed. A process that copied the mounts of this one (`unshare`) keeps the file
   * system as it is, so that the next mount of the same file would meet it: then the content goes on in another file.
   */
  async unplug(): Promise<void> {
    spawnSync("sync", ["-f", this.path], { stdio: "ignore" });
    await vi.waitFor(() => execFileSync("umount", [this.path], { stdio: "pipe" }), 5000);
    if (execFileSync("losetup", ["-j", this.#image], { encoding: "utf8" }) === "") return;
    const other = `${this.#image}+`;
    await copyFile(this.#image, other);
    this.#image = other;
  }
}

it(
  `everything that was acknowledged survives a power cut (${rounds} of them)`,
  async ({ skip }) => {
    const disk = await Disk.make();
    if (!(await canMount(disk))) return skip(whyNot);
    onTestFinished(() => void spawnSync("umount", ["-l", disk.path], { stdio: "ignore" }));
    const expected: Expected = new Map();
    let acknowledged = 0;
    for (let round = 0; round < rounds; round++) {
      disk.plugIn();
      const base = join(disk.path, "base");
      acknowledged += note(await writeUntilCut(disk, base, round), expected);
      await disk.unplug();
      disk.plugIn();
      await verify(base, expected);
      await disk.unplug();
    }
    expect(acknowledged).toBeGreaterThan(rounds * 5);
  },
  rounds * 10_000 + 30_000,
);

it("parts of an upload that were acknowledged survive a power cut, and so does their completion", async ({
  skip,
}) => {
  const disk = await Disk.make();
  if (!(await canMount(disk))) return skip(whyNot);
  onTestFinished(() => void spawnSync("umount", ["-l", disk.path], { stdio: "ignore" }));
  const open = () => {
    disk.plugIn();
    return storageOn(join(disk.path, "base"), { durability: "full" });
  };
  const cut = async (storage: ReturnType<typeof open>) => {
    disk.cutPower();
    await storage.close();
    await disk.unplug();
  };
  const begun = open();
  const { id } = await begun.createUpload("a");
  await cut(begun);
  const writing = open();
  const upload = writing.resumeUpload("a", id);
  const content = Buffer.alloc(300_000, "content ");
  const parts = [await upload.writePart(2, content.subarray(200_000))];
  parts.unshift(await upload.writePart(1, content.subarray(0, 200_000)));
  await cut(writing);
  const resuming = open();
  const resumed = resuming.resumeUpload("a", id);
  expect(await resumed.listParts()).toEqual(parts);
  await resumed.complete({ parts });
  await cut(resuming);
  const last = open();
  expect(content.equals(await last.get("a"))).toBe(true);
  await last.close();
}, 60_000);

async function canMount(disk: Disk): Promise<boolean> {
  try {
    disk.plugIn();
    await disk.unplug();
    return true;
  } catch {
    return false;
  }
}

async function writeUntilCut(disk: Disk, base: string, round: number): Promise<string> {
  const child = spawn(process.execPath, [writer, base, "full", String(round)], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  let isCut = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (output === "") setTimeout(cut, 10 + Math.random() * 400);
    output += text;
  });
  function cut(): void {
    if (child.exitCode !== null) return;
    isCut = true;
    disk.cutPower();
  }
  await new Promise((resolve) => child.on("close", resolve));
  expect(isCut, "the writer was at work until the power was cut").toBe(true);
  return output;
}
