import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { say } from "./prepare.js";

/** Programs of Debian that tests run for real: the package, its command, and the suites that need it. */
const rigs = [{ package: "strace", command: "strace", suites: ["test/faults/local-sync-order.test.ts"] }];

/**
 * Makes the programs available that tests need: installs them when it may, else says what to install.
 *
 * @returns `leftOut`: suites that cannot run here; `failed`: packages that should be there and are not.
 */
export function prepareRigs() {
  const leftOut = [];
  const failed = [];
  for (const rig of rigs.filter(({ command }) => !isOnPath(command))) {
    if (!isRoot()) {
      say(`Not installed: ${rig.command}. Left out: ${rig.suites.join(", ")}.`);
      say(`  To run them: sudo apt-get install ${rig.package}`);
      leftOut.push(...rig.suites);
    } else if (!install(rig)) failed.push(rig.package);
  }
  return { leftOut, failed };
}

function install({ package: name, command }) {
  say(`Installing the Debian package ${name} ...`);
  const arguments_ = ["install", "-y", "-q", "--no-install-recommends", name];
  if (!aptGet(arguments_)) {
    aptGet(["update", "-q"]);
    aptGet(arguments_);
  }
  return isOnPath(command);
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", args, { env, stdio: "ignore" }).status === 0;
}

function isRoot() {
  return process.getuid?.() === 0;
}

function isOnPath(command) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, command)));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
