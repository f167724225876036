// @ts-check
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("azurite", import.meta.url));

/**
 * Installs the emulator from its lock file when it is missing or has another version. Several processes may do so at
 * once: what appears in the end is whole.
 *
 * @throws Error when npm fails.
 */
export function installAzurite() {
  if (isAzuriteInstalled()) return;
  const fresh = mkdtempSync(join(folder, "node_modules-"));
  try {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(folder, file), join(fresh, file));
    const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: fresh, encoding: "utf8" });
    if (npm.status !== 0) throw new Error(`Azurite could not be installed: ${npm.stderr}`);
    replaceBy(join(fresh, "node_modules"));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** @param {string} made */
function replaceBy(made) {
  const place = join(folder, "node_modules");
  if (isAzuriteInstalled()) return;
  rmSync(place, { recursive: true, force: true });
  try {
    renameSync(made, place);
  } catch (error) {
    if (!isAzuriteInstalled()) throw error;
  }
}

/** Whether the emulator is there, in the version of its package.json. */
export function isAzuriteInstalled() {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.entries(dependencies).every(([name, version]) => {
    const file = join(folder, "node_modules", name, "package.json");
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version;
  });
}
