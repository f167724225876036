import type { CheckResult } from "./run-checks.js";

/** What `storage check` found out. */
export interface CheckReport {
  /** `LocalBackend`. */
  readonly backend: string;
  /** `local`. */
  readonly type: string;
  /** Why this backend was chosen. */
  readonly reason: string | undefined;
  /** Where the cases worked; empty again. */
  readonly folder: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Whether every rule was run; an interrupt leaves the rest out. */
  readonly isComplete: boolean;
  readonly durationMs: number;
  readonly cases: readonly CheckResult[];
}

/** How many cases ended in which way. */
export function countsOf(results: readonly CheckResult[]): Pick<CheckReport, CheckResult["status"]> {
  return {
    passed: countOf(results, "passed"),
    failed: countOf(results, "failed"),
    skipped: countOf(results, "skipped"),
  };
}

function countOf(results: readonly CheckResult[], status: CheckResult["status"]): number {
  return results.filter((result) => result.status === status).length;
}

/** The report for people: a line per group, and under it what failed or was left out, and why. */
export function describeReport(report: CheckReport): string {
  const groups = [...new Set(report.cases.map(({ group }) => group))];
  const { passed, failed, skipped, durationMs } = report;
  return [
    ...groups.flatMap((group) => describeGroup(report.cases.filter((result) => result.group === group))),
    "",
    `${passed} passed, ${failed} failed, ${skipped} skipped, in ${(durationMs / 1000).toFixed(1)} s`,
    verdictOf(report),
  ].join("\n");
}

function verdictOf({ backend, failed, isComplete }: CheckReport): string {
  const rest = isComplete ? "" : "The check was interrupted, and not every rule was run.";
  if (failed > 0) return `✗ ${backend} does not keep the contract. ${rest}`.trimEnd();
  return isComplete ? `✓ ${backend} keeps the contract.` : `✗ ${rest}`;
}

function describeGroup(results: readonly CheckResult[]): readonly string[] {
  const [passed, skipped] = [countOf(results, "passed"), countOf(results, "skipped")];
  const mark = results.some(({ status }) => status === "failed") ? "✗" : passed === 0 ? "–" : "✓";
  const group = results[0]?.group ?? "";
  const line = `${mark} ${group.padEnd(10)} ${passed} of ${results.length - skipped}`;
  return [
    line,
    ...results.filter(({ status }) => status === "failed").flatMap(describeFailure),
    ...whySkipped(results),
  ];
}

function describeFailure({ name, reason }: CheckResult): readonly string[] {
  return [`    ✗ ${name}`, ...(reason ?? "").split("\n").map((line) => `      ${line}`)];
}

/** One line for each reason, since many cases share it. */
function whySkipped(results: readonly CheckResult[]): readonly string[] {
  const skipped = results.filter(({ status }) => status === "skipped");
  const reasons = [...new Set(skipped.map(({ reason }) => reason))];
  return reasons.map((reason) => {
    const count = skipped.filter((result) => result.reason === reason).length;
    return `    – ${count} skipped: ${reason}`;
  });
}
