import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const dist = join(root, "dist");
const stamp = join(dist, ".built");

/** Prints one line of progress. */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Installs what the lock file names, when anything of it is missing or has another version; false if it failed. */
export function ensureInstalled() {
  if (isInstalled()) return true;
  say("Installing npm packages from package-lock.json ...");
  // Development packages are needed to build, also where NODE_ENV is production.
  return run("npm", [
    "ci",
    "--include=dev",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
}

/** Compiles src to dist when anything in it changed, and removes what no source has any more; false if it failed. */
export function ensureBuilt() {
  const state = describeSources();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === state) return true;
  say("Building dist ...");
  removeOrphans();
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  if (!run(process.execPath, [tsc, "-p", "tsconfig.build.json"])) return false;
  writeFileSync(stamp, state);
  return true;
}

function isInstalled() {
  // npm writes this file last, so it is absent after an installation that was cut short.
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const present = lockedPackages(installed);
  return Object.entries(lockedPackages(join(root, "package-lock.json"))).every(
    ([path, { version, optional }]) => path === "" || optional === true || present[path]?.version === version,
  );
}

function lockedPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

function describeSources() {
  const files = [...walk(join(root, "src")), join(root, "tsconfig.json"), join(root, "tsconfig.build.json")];
  const hash = createHash("sha256");
  for (const file of files.sort()) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function removeOrphans() {
  if (!existsSync(dist)) return;
  for (const file of walk(dist)) {
    const source = join(root, "src", relative(dist, file)).replace(/(?:\.js(?:\.map)?|\.d\.ts)$/, ".ts");
    if (!relative(dist, file).startsWith(".") && !existsSync(source)) rmSync(file);
  }
}

function walk(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}${sep}${entry.name}`);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) say(`${command}: ${error.message}`);
  return status === 0;
}
