import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, say } from "./prepare.js";

/**
 * Runs the test suites.
 *
 * @param filters - paths or parts of paths; all suites when there is none.
 * @param leftOut - suites that are not to run; each counts as one that was skipped.
 * @param program - the Node that runs them; this one by default.
 * @param folder - the project whose suites they are; this one by default.
 * @returns how many tests passed, failed and were skipped.
 */
export function runSuites(filters, leftOut, program = process.execPath, folder = root) {
  const reports = mkdtempSync(join(tmpdir(), "svc-infra-test-"));
  const report = join(reports, "report.json");
  try {
    const { status } = spawnSync(program, vitestArguments(filters, leftOut, report), {
      cwd: folder,
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: "1", FORCE_COLOR: undefined }) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const counts = existsSync(report) ? count(JSON.parse(readFileSync(report, "utf8"))) : noCounts;
    return withFailure({ ...counts, skipped: counts.skipped + leftOut.length }, status);
  } finally {
    rmSync(reports, { recursive: true });
  }
}

const noCounts = { passed: 0, failed: 0, skipped: 0 };

function vitestArguments(filters, leftOut, report) {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const excluded = leftOut.map((suite) => `--exclude=${suite}`);
  return [vitest, "run", ...reporters, ...excluded, ...filters];
}

function count({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  return {
    passed: numPassedTests,
    failed: numFailedTests + testResults.filter(isBrokenSuite).length,
    skipped: numPendingTests + numTodoTests,
  };
}

/** A file that fails outside its tests, as when an import is wrong. */
function isBrokenSuite({ status, assertionResults }) {
  return status === "failed" && !assertionResults.some((test) => test.status === "failed");
}

/** An error outside every test fails the run, although no test counts it. */
function withFailure(counts, status) {
  if (status === 0 || counts.failed > 0) return counts;
  say("FAIL the test runner ended with an error");
  return { ...counts, failed: 1 };
}
