import type { CaseGroup, ConformanceRun } from "../storage/conformance/index.js";

/** Cases at once: enough to hide a provider's latency, few enough not to meet its limits. */
const concurrency = 4;

/** How one case ended. */
export interface CheckResult {
  readonly group: CaseGroup;
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason: string | undefined;
}

/**
 * Runs the cases, a few at once, and gives their results in the order of the conformance suite.
 *
 * @param onResult - told after each case.
 * @param signal - when it fires, no more cases begin; they are missing in the results.
 */
export async function runChecks(
  runs: readonly ConformanceRun[],
  onResult: (result: CheckResult, done: number) => void,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const results = new Map<ConformanceRun, CheckResult>();
  const queue = runs.values();
  const worker = async () => {
    for (const run of queue) {
      if (signal.aborted) return;
      const result = await check(run);
      results.set(run, result);
      onResult(result, results.size);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return runs.flatMap((run) => results.get(run) ?? []);
}

async function check(run: ConformanceRun): Promise<CheckResult> {
  const { group, name, skipReason } = run;
  if (skipReason !== undefined) return { group, name, status: "skipped", reason: skipReason };
  try {
    await run.run();
    return { group, name, status: "passed", reason: undefined };
  } catch (error) {
    return { group, name, status: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}
