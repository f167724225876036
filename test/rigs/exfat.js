// @ts-check
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stayWhenRunDirectly } from "./stay.js";

const imageBytes = 256 * 1024 * 1024;

/**
 * A mounted file system that ignores case and has no hard links. Needs root, loop devices and FUSE.
 *
 * @typedef {object} ExfatRig
 * @property {string} folder - the empty root of the file system.
 * @property {Readonly<Record<string, string>>} env
 * @property {() => Promise<void>} stop
 */

/**
 * Makes an exFAT file system in a file and mounts it.
 *
 * @returns {Promise<ExfatRig>}
 * @throws Error where a program, a loop device or FUSE is missing.
 */
export async function startExfat() {
  const own = await mkdtemp(join(tmpdir(), "svc-infra-exfat-"));
  const [image, folder] = [join(own, "image"), join(own, "mounted")];
  await mkdir(folder);
  await writeFile(image, "");
  await truncate(image, imageBytes);
  run("mkfs.exfat", image);
  const device = run("losetup", "-f", "--show", image).trim();
  try {
    run("mount.exfat-fuse", device, folder);
  } catch (error) {
    run("losetup", "-d", device);
    throw error;
  }
  return {
    folder,
    env: { STORAGE_BASE_PATH: join(folder, "base") },
    stop: async () => {
      // A backend keeps descriptors of removed folders for half a minute. The last one that closes ends the file system.
      run("umount", "--lazy", folder);
      run("losetup", "-d", device);
      await rm(own, { recursive: true, force: true });
    },
  };
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: "pipe" });
}

await stayWhenRunDirectly(import.meta.url, startExfat);
