import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { readEnvironment, withDefaults } from "../../kernel/index.js";
import { runConformance } from "../../storage/conformance/index.js";
import { defaultBaseUrl } from "../../storage/contract/signed-url.js";
import { configurationOf, easyStorage } from "../../storage/easy-storage.js";
import type { Storage } from "../../storage/index.js";
import { type CheckReport, countsOf, describeReport } from "../check-report.js";
import { Interrupt } from "../interrupt.js";
import { localFallback } from "../local-fallback.js";
import { type CheckResult, runChecks } from "../run-checks.js";

interface CheckOptions {
  readonly json?: true;
}

/** Adds `storage check`: the whole conformance suite, run against the backend that the environment names. */
export function registerStorageCheck(storage: Command): void {
  storage
    .command("check")
    .description("Run every rule of the storage contract against the configured backend.")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
Works in a folder of its own, svc-infra-check-<random>/, and removes it afterwards.
Ends with 0 when every rule holds, with 1 when one is broken or the backend cannot be reached.

Examples:
  $ svc-infra storage check
  $ STORAGE_BACKEND=local STORAGE_BASE_PATH=/srv/files svc-infra storage check --json`,
    )
    .action(check);
}

async function check(options: CheckOptions): Promise<void> {
  const storage = await configuredStorage();
  const interrupt = new Interrupt();
  try {
    await storage.check();
    const report = await examine(storage, interrupt.signal);
    if (report.failed > 0) process.exitCode ??= 1;
    process.stdout.write(`${options.json ? JSON.stringify(report, undefined, 2) : describeReport(report)}\n`);
  } finally {
    interrupt.release();
    await storage.close();
  }
}

/** The storage that `serve` would use, with URLs: what they allow is checked also where nothing serves them now. */
function configuredStorage(): Promise<Storage> {
  const env = withDefaults(readEnvironment(), { STORAGE_BASE_URL: defaultBaseUrl });
  return easyStorage({}, env, localFallback);
}

async function examine(storage: Storage, signal: AbortSignal): Promise<CheckReport> {
  const { backend } = storage;
  const reason = configurationOf(storage)?.detection.reason;
  const folder = `svc-infra-check-${randomBytes(6).toString("hex")}/`;
  const create = async () => (await configuredStorage()).backend;
  const runs = [...runConformance({ backend, create, folder })];
  process.stderr.write(`${backend.name}, because ${reason}: ${runs.length} rules in ${folder}\n`);
  const startedAt = performance.now();
  try {
    const cases = await runChecks(runs, progressOf(runs.length), signal);
    const durationMs = Math.round(performance.now() - startedAt);
    return {
      backend: backend.name,
      type: backend.type,
      reason,
      folder,
      ...countsOf(cases),
      isComplete: cases.length === runs.length,
      durationMs,
      cases,
    };
  } finally {
    await cleanUp(storage, folder);
  }
}

/** The verdict holds also when what the check wrote cannot be removed. */
async function cleanUp(storage: Storage, folder: string): Promise<void> {
  try {
    await storage.deletePrefix(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${folder} could not be removed; remove it by hand: ${reason}\n`);
  }
}

/** On a terminal one line that changes; elsewhere a line for each failure as it comes. */
function progressOf(total: number): (result: CheckResult, done: number) => void {
  if (!process.stderr.isTTY) {
    return ({ group, name, status }) => {
      if (status === "failed") process.stderr.write(`✗ ${group}: ${name}\n`);
    };
  }
  return ({ group }, done) => {
    process.stderr.write(`\r\u001b[K${done === total ? "" : `  ${done} of ${total}  ${group}`}`);
  };
}
