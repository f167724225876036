import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, say } from "./prepare.js";

const checks = [
  { name: "lint and format", bin: "biome", args: ["ci", "--colors=off", "."] },
  { name: "types", bin: "tsc", args: ["-p", "tsconfig.json", "--pretty", "false"] },
  { name: "types of the page", bin: "tsc", args: ["-p", "src/app/page/assets", "--pretty", "false"] },
  { name: "import rules", bin: "depcruise", args: ["--config", ".dependency-cruiser.js", "src"] },
  { name: "unused code", bin: "knip", args: ["--no-progress"] },
];

/**
 * Runs every check, one line each, and shows the output of those that fail.
 *
 * @returns how many passed and failed.
 */
export function runChecks() {
  const passed = [...checks.map(runCheck), ...checkPackage()];
  return { passed: passed.filter(Boolean).length, failed: passed.filter((each) => !each).length };
}

function runCheck({ name, bin, args }) {
  return report(name, run(join(root, "node_modules/.bin", bin), args));
}

/** Looks at the tarball that would be published. */
function checkPackage() {
  const folder = mkdtempSync(join(tmpdir(), "svc-infra-pack-"));
  try {
    const packing = run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]);
    const [tarball = "no-tarball.tgz"] = readdirSync(folder);
    const file = join(folder, tarball);
    return [
      report("packing", packing),
      runCheck({ name: "package exports", bin: "publint", args: ["run", file, "--strict"] }),
      runCheck({
        name: "package types",
        bin: "attw",
        args: [file, "--profile", "esm-only", "--no-color", "--no-emoji"],
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
}

function report(name, { status, stdout, stderr, error }) {
  const passed = status === 0;
  say(`${passed ? "ok  " : "FAIL"} ${name}`);
  if (!passed) say(error === undefined ? `${stdout}${stderr}` : String(error));
  return passed;
}
