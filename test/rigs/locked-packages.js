// @ts-check
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Installs the packages of a folder beside this file from its lock file, when one is missing or has another version. Several
 * processes may do so at once: what appears in the end is whole.
 *
 * @param {"azurite" | "runtimes"} name - of the folder.
 * @throws Error when npm fails.
 */
export function installLocked(name) {
  if (isLockedInstalled(name)) return;
  const folder = folderOf(name);
  const fresh = mkdtempSync(join(folder, "node_modules-"));
  try {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(folder, file), join(fresh, file));
    const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: fresh,
      encoding: "utf8",
    });
    if (npm.status !== 0) throw new Error(`${name} could not be installed: ${npm.stderr}`);
    replaceBy(name, join(fresh, "node_modules"));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Whether the packages of a folder are there, in the versions of its package.json.
 *
 * @param {"azurite" | "runtimes"} name
 */
export function isLockedInstalled(name) {
  const folder = folderOf(name);
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.entries(dependencies).every(([dependency, version]) => {
    const file = join(folder, "node_modules", dependency, "package.json");
    // A package under another name is written npm:NAME@VERSION.
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version.split("@").at(-1);
  });
}

/**
 * @param {"azurite" | "runtimes"} name
 * @param {string} made
 */
function replaceBy(name, made) {
  const place = join(folderOf(name), "node_modules");
  if (isLockedInstalled(name)) return;
  rmSync(place, { recursive: true, force: true });
  try {
    renameSync(made, place);
  } catch (error) {
    if (!isLockedInstalled(name)) throw error;
  }
}

/** @param {string} name */
function folderOf(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
