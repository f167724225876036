import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("..", import.meta.url));

/**
 * Installs the peers, when they are missing or are others than they should be, and builds svc-infra as it is now; what the build
 * needs is installed by it.
 */
export function install() {
  if (!isInstalled()) run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], bench);
  run(process.execPath, ["scripts/build.js"], `${bench}..`);
}

function isInstalled() {
  const { dependencies } = JSON.parse(readFileSync(`${bench}/package.json`, "utf8"));
  return Object.entries(dependencies).every(([name, version]) => {
    const path = `${bench}/node_modules/${name}/package.json`;
    return existsSync(path) && JSON.parse(readFileSync(path, "utf8")).version === version;
  });
}

/**
 * @param {string} program
 * @param {readonly string[]} words
 * @param {string} cwd
 */
function run(program, words, cwd) {
  const { status } = spawnSync(program, words, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} failed in ${cwd}`);
}
